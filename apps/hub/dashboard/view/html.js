// SPDX-License-Identifier: MIT
// Templates. What is put into one becomes a text node or an attribute, never markup.

import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);
