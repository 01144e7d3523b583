// jsforce against the Salesforce twin. It takes the twin's address as login and instance address.

import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import { address, check, refused, withExpiredToken } from './checks.js';

const base = address('salesforce');
const version = '59.0';
const user = 'integration@northwind-advisory.example';
const oauth2 = {
  loginUrl: base,
  clientId: 'fairlead-development',
  clientSecret: 'fairlead-development-secret',
  redirectUri: 'http://127.0.0.1/callback',
};

async function signedIn(secret = oauth2.clientSecret) {
  const made = new jsforce.Connection({ loginUrl: base, version, oauth2: { ...oauth2, clientSecret: secret } });
  await made.authorize({ grant_type: 'client_credentials' });
  return made;
}

const conn = await signedIn();

await check('signs in by client credentials and by password, and is refused with a wrong secret', async () => {
  assert.match((await conn.identity()).username, /integration@/);
  const soap = new jsforce.Connection({ loginUrl: base, version });
  await soap.login(user, 'fairlead-developmentDEVELOPMENT');
  assert.ok((await soap.query('SELECT COUNT() FROM User')).totalSize > 5);
  assert.match((await refused(signedIn('wrong'))).message, /invalid client credentials/);
});

await check('creates, reads, updates and deletes a record', async () => {
  const made = await conn.sobject('Account').create({ Name: 'Jørgensen A/S' });
  assert.equal(made.success, true);
  await conn.sobject('Account').update({ Id: made.id, BillingCity: 'Aarhus' });
  const read = await conn.sobject('Account').retrieve(made.id);
  assert.deepEqual([read.Name, read.BillingCity], ['Jørgensen A/S', 'Aarhus']);
  assert.equal((await conn.sobject('Account').destroy(made.id)).success, true);
});

await check('upserts by external id, once, alone and in a collection', async () => {
  for (const name of ['First', 'Second']) {
    await conn.sobject('Account').upsert({ Fairlead_Id__c: 'jsforce-1', Name: name }, 'Fairlead_Id__c');
  }
  const batch = [{ Fairlead_Id__c: 'jsforce-1', Name: 'Third' }, { Fairlead_Id__c: 'jsforce-2', Name: 'x'.repeat(256) }];
  const results = await conn.sobject('Account').upsert(batch, 'Fairlead_Id__c');
  assert.deepEqual(results.map((r) => r.success), [true, false]);
  assert.equal(results[1].errors[0].statusCode, 'STRING_TOO_LONG');
  const found = await conn.query("SELECT Name FROM Account WHERE Fairlead_Id__c = 'jsforce-1'");
  assert.deepEqual(found.records.map((r) => r.Name), ['Third']);
});

await check('writes in bulk with a result for each row', async () => {
  const input = Array.from({ length: 450 }, (_, n) => ({ Name: `Masse ${n}`, Fairlead_Id__c: `jsforce-bulk-${n}` }));
  input[7].Name = 'x'.repeat(256);
  const options = { object: 'Account', operation: 'upsert', externalIdFieldName: 'Fairlead_Id__c', input };
  const { successfulResults, failedResults, unprocessedRecords } = await conn.bulk2.loadAndWaitForResults(options);
  assert.deepEqual([successfulResults.length, failedResults.length, unprocessedRecords.length], [449, 1, 0]);
  assert.match(failedResults[0].sf__Error, /^STRING_TOO_LONG:/);
  const rows = await (await conn.bulk2.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Masse %'")).toArray();
  assert.equal(rows.length, 449);
});

await check('queries through several pages, children included', async () => {
  const soql = "SELECT Id, Name, (SELECT Id FROM Contacts) FROM Account WHERE Name LIKE 'Masse %'";
  const headers = { 'Sforce-Query-Options': 'batchSize=200' };
  let page = await conn.query(soql, { headers });
  const ids = new Set(page.records.map((r) => r.Id));
  assert.deepEqual([page.records.length, page.totalSize, page.done], [200, 449, false]);
  while (!page.done) {
    page = await conn.queryMore(page.nextRecordsUrl);
    page.records.forEach((r) => ids.add(r.Id));
  }
  assert.equal(ids.size, 449);
});

await check('describes an object well enough to work with it', async () => {
  const described = await conn.sobject('Opportunity').describe();
  const stage = described.fields.find((field) => field.name === 'StageName');
  assert.ok(stage.picklistValues.some((value) => value.value === 'Closed Won'));
  assert.ok((await conn.describeGlobal()).sobjects.some((object) => object.name === 'Fairlead_Invoice__c'));
});

await check("is told of a bad field and a missing record in the vendor's words", async () => {
  const column = await refused(conn.query('SELECT Nothing__c FROM Account'));
  assert.equal(column.errorCode, 'INVALID_FIELD');
  assert.match(column.message, /No such column 'Nothing__c' on entity 'Account'/);
  assert.equal((await refused(conn.sobject('Account').create({ Name: 'x', Nothing__c: 1 }))).errorCode, 'INVALID_FIELD');
  assert.equal((await refused(conn.sobject('Account').retrieve('001000000009999AAA'))).errorCode, 'NOT_FOUND');
});

await check("is told of an expired session in the vendor's words", async () => {
  const held = new jsforce.Connection({ instanceUrl: base, accessToken: conn.accessToken, version });
  assert.ok((await held.limits()).DailyApiRequests);
  const error = await withExpiredToken('salesforce', 'services/data', () => refused(held.limits()));
  assert.equal(error.errorCode ?? error.name, 'INVALID_SESSION_ID');
});
