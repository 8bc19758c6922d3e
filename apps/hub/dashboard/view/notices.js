// SPDX-License-Identifier: MIT
// What the user should know about gaps, until it is put away.

import { clockText } from '../core/time.js';
import { useSlice, useStore } from './hooks.js';
import { html } from './html.js';

export function Notices() {
  const store = useStore();
  const notices = useSlice((state) => state.notices);
  const dismiss = (notice) =>
    store.update((state) => ({ ...state, notices: state.notices.filter((other) => other !== notice) }));
  return html`
    <div class="notices" role="status">
      ${notices.map(
        (notice) => html`
        <p class="notice" key=${notice.kind} data-kind=${notice.kind}>
          <span class="notice-time">${clockText(notice.at / 1000)}</span>
          <span>${notice.text}</span>
          <button type="button" class="button button--quiet" onClick=${() => dismiss(notice)}
                  aria-label="Dismiss this notice">Dismiss</button>
        </p>`,
      )}
    </div>
  `;
}
