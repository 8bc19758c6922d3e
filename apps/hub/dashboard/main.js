// SPDX-License-Identifier: MIT

import { render } from 'preact';
import { initialState } from './core/state.js';
import { Store } from './core/store.js';
import { startSession } from './net/session.js';
import { App } from './view/app.js';
import { html } from './view/html.js';
import { StoreContext } from './view/hooks.js';
import { watchTitle } from './view/title.js';

/** A frame when there are frames: a hidden page draws none, but its title still counts. */
function schedule(run) {
  if (document.hidden) setTimeout(run, 100);
  else requestAnimationFrame(run);
}

const store = new Store(initialState, schedule);
const session = startSession(store);
watchTitle(store);
const app = document.getElementById('app');
app.replaceChildren();  // the note for those without JavaScript
render(html`<${StoreContext.Provider} value=${store}><${App} reconnect=${session.reconnect} /><//>`, app);
