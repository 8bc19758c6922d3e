// SPDX-License-Identifier: MIT
// Icons differ in shape, so that nothing depends on telling colours apart. They are decoration: there is always text.

import { html } from './html.js';

const icon = (children, kind = '') => html`
  <svg class="icon ${kind}" viewBox="0 0 16 16" aria-hidden="true">${children}</svg>
`;

const path = (d, more) => html`<path d=${d} fill="none" stroke="currentColor" stroke-linejoin="round" ...${more} />`;
const solid = { fill: 'currentColor' };
const onTop = { stroke: 'var(--icon-mark)', 'stroke-width': 1.8, 'stroke-linecap': 'round' };
const thick = { 'stroke-width': 2.2, 'stroke-linecap': 'round' };

const severityShapes = {
  critical: [path('M5 1h6l4 4v6l-4 4H5l-4-4V5z', solid), path('M8 4.6v4.2M8 11.2v.2', onTop)],
  high: [path('M8 1.2 15.5 14.6H.5z', solid), path('M8 6.2v3.6M8 12.2v.1', onTop)],
  medium: path('M8 1 15 8 8 15 1 8z', solid),
  low: html`<circle cx="8" cy="8" r="5.6" fill="none" stroke="currentColor" stroke-width="2" />`,
};

export const SeverityIcon = ({ severity }) => icon(severityShapes[severity], `icon--${severity}`);

export const CameraIcon = ({ online }) =>
  icon([
    path('M1.5 4.5h8.2v7H1.5zM9.7 7.4l4.6-2.5v6.2L9.7 8.6', { 'stroke-width': 1.5 }),
    !online && path('M1.5 14.5l13-13', thick),
  ]);

const phaseShapes = {
  good: path('M3 8.5l3.4 3.4L13 4.6', thick),
  busy: path('M8 2a6 6 0 1 1-6 6', thick),
  bad: path('M3.5 3.5l9 9M12.5 3.5l-9 9', thick),
};

export const PhaseIcon = ({ phase }) => icon(phaseShapes[phase], `icon--${phase}`);
