// SPDX-License-Identifier: MIT

import { render } from 'preact';
import { initialState } from './core/state.js';
import { Store } from './core/store.js';
import { startSession } from './net/session.js';
import { App } from './view/app.js';
import { html } from './view/html.js';
import { StoreContext } from './view/hooks.js';
import { watchTitle } from './view/title.js';

/** The next frame, or soon after when there is none: a page that is hidden draws none, but its title still counts. */
function schedule(run) {
  const once = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, 100);
}

const store = new Store(initialState, schedule);
const session = startSession(store);
watchTitle(store);
const app = document.getElementById('app');
app.replaceChildren(); // the note for those without JavaScript
render(html`<${StoreContext.Provider} value=${store}><${App} reconnect=${session.reconnect} /><//>`, app);
