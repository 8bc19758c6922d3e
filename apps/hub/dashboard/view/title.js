// SPDX-License-Identifier: MIT

const title = 'Redstart hub';

/** Counts in the title what came while the page was hidden, until somebody looks. */
export function watchTitle(store) {
  store.subscribe(({ unseen }) => {
    document.title = unseen > 0 ? `(${unseen}) ${title}` : title;
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) store.update((state) => (state.unseen === 0 ? state : { ...state, unseen: 0 }));
  });
}
