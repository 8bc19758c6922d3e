// SPDX-License-Identifier: MIT
// All cameras.

import { cameraLimit } from '../core/cameras.js';
import { CameraTile } from './camera_tile.js';
import { CommandLine } from './command_line.js';
import { useSlice } from './hooks.js';
import { html } from './html.js';

const example = () =>
  `curl -X PUT -H 'Content-Type: application/json' ${location.origin}/cameras/porch/status ` +
  `-d '{"name": "Front porch", "battery": 80}'`;

const Empty = () => html`
  <div class="empty">
    <p><strong>No camera has reported yet.</strong> One appears with its first event, or when it tells its status:</p>
    <${CommandLine} command=${example()} />
    <p class="hint">To see the page alive, start the hub with <code>--simulate 4</code>.</p>
  </div>
`;

export function CameraWall() {
  const cameras = useSlice((state) => state.cameras);
  const loaded = useSlice((state) => state.sync.phase !== 'never');
  return html`
    <section class="panel" aria-labelledby="cameras-title">
      <div class="panel-head"><h2 id="cameras-title">Cameras</h2></div>
      ${
        cameras.length > 0
          ? html`<ul class="tiles">${cameras
              .slice(0, cameraLimit)
              .map((camera) => html`<${CameraTile} key=${camera.id} camera=${camera} />`)}</ul>`
          : loaded && html`<${Empty} />`
      }
      ${
        cameras.length > cameraLimit &&
        html`<p class="hint">${cameras.length - cameraLimit} more are not shown; GET /cameras has them.</p>`
      }
    </section>
  `;
}
