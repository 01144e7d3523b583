// What every client's script needs: named checks, the twins' addresses, fault control.

import { basename } from 'node:path';

const client = basename(process.argv[1]).replace(/^with_|\.js$/g, '');

/** Runs a function at once; one line says how it went. */
export async function check(what, run) {
  try {
    await run();
    console.log(`ok - ${client}: ${what}`);
  } catch (error) {
    console.log(`not ok - ${client}: ${what}`);
    console.error(error);
  }
}

/** The error that a promise must end with. */
export async function refused(promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`was not refused but answered ${JSON.stringify(answer)}`);
}

export function address(twin) {
  return process.env[`TWIN_${twin.toUpperCase()}`];
}

const fetchOfNode = globalThis.fetch;

async function faults(twin, rules) {
  const body = JSON.stringify({ rules });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetchOfNode(`${address(twin)}/_twin/faults`, { method: 'PUT', headers, body });
  if (answer.status !== 204) throw new Error(`faults were not set: ${answer.status}`);
}

/** While `run` lasts, the twin takes every token for an expired one. */
export async function withExpiredToken(twin, path, run, times) {
  await faults(twin, [{ path, fault: { kind: 'expired_token' }, times }]);
  try {
    return await run();
  } finally {
    await faults(twin, []);
  }
}
