// SPDX-License-Identifier: MIT
// The page as a whole.

import { AlertFeed } from './alert_feed.js';
import { CameraWall } from './camera_wall.js';
import { Charts } from './charts.js';
import { ConnectionBanner, ConnectionPill } from './connection.js';
import { useSlice } from './hooks.js';
import { html } from './html.js';
import { Notices } from './notices.js';
import { Summary } from './summary.js';

export function App({ reconnect }) {
  const stale = useSlice((state) => state.connection.phase !== 'live' && state.connection.lostAt !== null);
  return html`
    <a class="skip-link" href="#alerts">Skip to the alerts</a>
    <div class="page ${stale ? 'page--stale' : ''}">
      <header class="top">
        <h1 class="brand"><img src="/dashboard/favicon.svg" alt="" width="28" height="28" />Redstart hub</h1>
        <${Summary} />
        <${ConnectionPill} />
      </header>
      <${ConnectionBanner} reconnect=${reconnect} />
      <${Notices} />
      <main class="board">
        <${AlertFeed} />
        <div class="board-side">
          <${CameraWall} />
          <${Charts} />
        </div>
      </main>
    </div>
  `;
}
