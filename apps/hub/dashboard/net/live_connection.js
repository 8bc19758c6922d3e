// SPDX-License-Identifier: MIT

/** The hub tells its figures every second; a connection this long silent is dead, whatever the browser thinks. */
const silenceLimit = 10_000;
/** A connection that lived this long was a good one: the next loss starts with a short wait again. */
const settledAfter = 10_000;

const closeReasons = {
  1001: 'The hub is shutting down or restarting.',
  1009: 'The hub refused a message.',
  1013: 'The hub ended this connection',
};

function closeReason({ code, reason }) {
  if (code === 1013) return `${closeReasons[code]}${reason ? `: ${reason}` : ''}.`;
  return closeReasons[code] ?? 'The connection to the hub was lost.';
}

/**
 * A WebSocket that comes back. `onPhase` is told {phase: 'connecting' | 'live' | 'waiting', retryAt, reason},
 * `onMessage` each message. Live means that the hub said hello, so nothing is missed from there on.
 */
export class LiveConnection {
  #url;
  #backoff;
  #onPhase;
  #onMessage;
  #socket = null;
  #heardAt = 0;
  #liveAt = 0;
  #retry = null;
  #watch = null;

  constructor({ url, backoff, onPhase, onMessage }) {
    this.#url = url;
    this.#backoff = backoff;
    this.#onPhase = onPhase;
    this.#onMessage = onMessage;
  }

  /** Connects at once, also when a later try is due. Does nothing while there is a connection or one is being made. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#onPhase({ phase: 'connecting', retryAt: null, reason: '' });
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onmessage = (event) => this.#heard(socket, event);
    socket.onclose = (event) => this.#lost(socket, closeReason(event));
    this.#watch = setInterval(() => this.#check(socket), 1000);
  }

  #heard(socket, event) {
    if (socket !== this.#socket) return;
    this.#heardAt = Date.now();
    let message;
    try {
      message = JSON.parse(event.data);
    } catch {
      return;
    }
    if (message === null || typeof message !== 'object') return;
    this.#onMessage(message);
    if (message.type !== 'hello' || this.#liveAt) return;
    this.#liveAt = Date.now();
    this.#onPhase({ phase: 'live', retryAt: null, reason: '' });
  }

  #check(socket) {
    const now = Date.now();
    if (this.#liveAt && now - this.#liveAt > settledAfter) this.#backoff.reset();
    if (now - this.#heardAt < silenceLimit) return;
    socket.close();
    this.#lost(socket, 'The hub fell silent.'); // the browser may take a minute to say that it is closed
  }

  #lost(socket, reason) {
    if (socket !== this.#socket) return;
    clearInterval(this.#watch);
    this.#socket = null;
    this.#liveAt = 0;
    const delay = this.#backoff.next();
    this.#retry = setTimeout(() => this.connect(), delay);
    this.#onPhase({ phase: 'waiting', retryAt: Date.now() + delay, reason });
  }
}
