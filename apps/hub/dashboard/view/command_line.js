// SPDX-License-Identifier: MIT
// A command to copy.

import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.js';

/** The clipboard of the browser is for secure pages only; a page of another machine on the LAN is none. */
async function copy(node) {
  if (navigator.clipboard) return navigator.clipboard.writeText(node.textContent);
  getSelection().selectAllChildren(node);
  if (!document.execCommand('copy')) throw new Error('copying is not allowed here');
}

export function CommandLine({ command }) {
  const code = useRef(null);
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(setSaid, 3000, '');
    return () => clearTimeout(timer);
  }, [said]);
  const onClick = () =>
    copy(code.current).then(
      () => setSaid('Copied'),
      () => {
        getSelection().selectAllChildren(code.current);
        setSaid('Selected: copy it with the keyboard');
      },
    );
  return html`
    <div class="command">
      <pre tabindex="0" aria-label="Command"><code ref=${code}>${command}</code></pre>
      <button type="button" class="button" onClick=${onClick}>Copy</button>
      <span role="status" class="command-said">${said}</span>
    </div>
  `;
}
