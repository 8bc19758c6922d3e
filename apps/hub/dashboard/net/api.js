// SPDX-License-Identifier: MIT
// The hub's routes that the page reads.

/** GETs JSON; throws an Error with words for the user. `accept` names statuses besides 2xx that carry an answer. */
export async function getJson(path, { limit = 8000, accept = [] } = {}) {
  const response = await fetch(path, {
    headers: { Accept: 'application/json' },
    cache: 'no-store',
    signal: AbortSignal.timeout(limit),
  }).catch((problem) => {
    const late = problem.name === 'TimeoutError';
    throw new Error(late ? `no answer to ${path} in ${limit / 1000} s` : `${path} could not be reached`);
  });
  if (!response.ok && !accept.includes(response.status)) {
    const body = await response.json().catch(() => ({}));
    const detail = typeof body.detail === 'string' ? `: ${body.detail}` : '';
    throw new Error(`${path} answered ${response.status}${detail}`);
  }
  return response.json();
}

export const getAlerts = async (limit) => (await getJson(`/alerts?limit=${limit}`)).alerts;
export const getCameras = async () => (await getJson('/cameras')).cameras;
export const getHealth = () => getJson('/health', { accept: [503] });
