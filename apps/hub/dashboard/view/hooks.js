// SPDX-License-Identifier: MIT
// What components live from: the store, the clock, the media queries.

import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';

export const StoreContext = createContext(null);

/** A part of the state; the component renders again when `select` gives another one. */
export function useSlice(select) {
  const store = useContext(StoreContext);
  const [slice, setSlice] = useState(() => select(store.state));
  useEffect(() => {
    const take = (state) => setSlice(() => select(state));
    take(store.state);
    return store.subscribe(take);
  }, [store]);
  return slice;
}

export const useStore = () => useContext(StoreContext);

const tickers = new Set();
setInterval(() => document.hidden || tickers.forEach((tick) => tick(Date.now())), 1000);
document.addEventListener('visibilitychange', () => document.hidden || tickers.forEach((tick) => tick(Date.now())));

/** This page's time in milliseconds, new every second while somebody looks. */
export function useNow() {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    tickers.add(setNow);
    return () => tickers.delete(setNow);
  }, []);
  return now;
}

/** Whether a media query holds. */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const take = () => setMatches(list.matches);
    take();
    list.addEventListener('change', take);
    return () => list.removeEventListener('change', take);
  }, [query]);
  return matches;
}
