// @brokenrubik/netsuite-sdk against the NetSuite twin: OAuth 2.0 with a signed assertion (PS256).
//
// The SDK builds the account's address itself and has no option for another one: the run time's `fetch` is wrapped so that
// requests for that address reach the twin. Nothing of the SDK is changed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { NetSuiteClient } from '@brokenrubik/netsuite-sdk';
import { address, check, refused, withExpiredToken } from './checks.js';

const base = address('netsuite');
const direct = globalThis.fetch;
globalThis.fetch = (url, options) =>
  direct(String(url).replace(/^https:\/\/[^/]+\.api\.netsuite\.com/, base), options);

function client(certificateId = 'fairlead-development') {
  return new NetSuiteClient({
    accountId: '7001234_SB1',
    clientId: 'fairlead-development',
    certificateId,
    privateKey: readFileSync(process.env.TWIN_NETSUITE_KEY, 'utf8'),
    initialRetryDelay: 50,
  });
}

const netsuite = client();
const customer = (name, more = {}) => ({ companyName: name, entityId: name, subsidiary: { id: '1' }, ...more });

await check('signs in with a signed assertion, and is refused with an unknown certificate', async () => {
  assert.equal((await netsuite.getRecord('subsidiary', '1')).name, 'Northwind Advisory Inc.');
  const error = await refused(client('somebody-else').getRecord('subsidiary', '1'));
  assert.match(`${error.message} ${error.body ?? ''}`, /invalid_grant|invalid_client|token/i);
});

await check('creates, reads, updates and deletes a record', async () => {
  const made = await netsuite.createRecord('customer', customer('SDK One', { email: 'one@sdk.example' }));
  assert.ok(made.id && made.success);
  assert.equal((await netsuite.updateRecord('customer', made.id, { comments: 'seen' })).success, true);
  const read = await netsuite.getRecord('customer', made.id, { expandSubResources: true });
  assert.deepEqual([read.companyName, read.comments, read.subsidiary.id], ['SDK One', 'seen', '1']);
  const listed = await netsuite.listRecords('customer', { q: 'email IS "one@sdk.example"' });
  assert.deepEqual(listed.items.map((item) => item.id), [made.id]);
  assert.equal((await netsuite.deleteRecord('customer', made.id)).success, true);
});

await check('upserts by external id, once', async () => {
  const first = await netsuite.upsertRecord('customer', 'sdk-1', customer('SDK Upsert'));
  const second = await netsuite.upsertRecord('customer', 'sdk-1', customer('SDK Upsert again'));
  assert.equal(second.success && first.success, true);
  const found = await netsuite.suiteql("SELECT id, companyname FROM customer WHERE externalid = 'sdk-1'");
  assert.deepEqual(found.items.map((row) => row.companyname), ['SDK Upsert again']);
});

await check('writes batches with a result for each record, and an idempotency key is good once', async () => {
  const items = Array.from({ length: 45 }, (_, n) => customer(`SDK batch ${n}`, { externalId: `sdk-batch-${n}` }));
  items[3].subsidiary = { id: '99' };
  const job = await netsuite.batchUpsert('customer', items, { parallel: true });
  const { succeeded, failed, results } = await job.wait({ pollInterval: 20 });
  assert.deepEqual([succeeded, failed, results.length], [44, 1, 45]);
  assert.equal(results[3].success, false);
  const idempotencyKey = crypto.randomUUID();
  const once = await netsuite.batchCreate('customer', [customer('SDK once')], { idempotencyKey });
  const again = await refused(netsuite.batchCreate('customer', [customer('SDK once')], { idempotencyKey }));
  assert.equal(again.jobId, once.id);
});

await check('queries through several pages', async () => {
  const q = "SELECT id FROM customer WHERE companyname LIKE 'SDK batch%' ORDER BY id";
  const rows = [];
  for (let page = { hasMore: true }; page.hasMore; ) {
    page = await netsuite.suiteql(q, { limit: 10, offset: rows.length });
    rows.push(...page.items);
  }
  assert.equal(new Set(rows.map((row) => row.id)).size, 44);
  assert.equal((await netsuite.suiteqlAll(q)).length, 44);
  assert.ok((await netsuite.listAllRecords('customer')).length >= 44);
});

await check("is told of a missing field, a bad column and a missing record in the vendor's words", async () => {
  const codes = (error) => error.errorDetails.map((detail) => detail.errorCode);
  const field = await refused(netsuite.createRecord('customer', { companyName: 'No subsidiary' }));
  assert.equal(field.statusCode, 400);
  assert.ok(codes(field).length > 0);
  assert.equal((await refused(netsuite.suiteql('SELECT nothing FROM customer'))).statusCode, 400);
  const missing = await refused(netsuite.getRecord('customer', '999999'));
  assert.equal(missing.statusCode, 404);
});

await check('meets an expired token', async () => {
  const run = () => refused(netsuite.getRecord('subsidiary', '1'));
  const error = await withExpiredToken('netsuite', 'services/rest/record', run);
  assert.equal(error.statusCode, 401);
  netsuite.clearTokenCache();
  assert.ok(await netsuite.getRecord('subsidiary', '1'));
});

await check('reads the catalogue', async () => {
  const catalogue = await netsuite.getMetadata({ select: 'customer' });
  assert.deepEqual(catalogue.items.map((item) => item.name), ['customer']);
});
