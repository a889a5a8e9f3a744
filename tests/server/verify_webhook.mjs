// WorkOS's SDK for node on a webhook of the server's: node verify_webhook.mjs task.json
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

globalThis.crypto ??= webcrypto; // node 18, Debian 12's, has no such global
const { WorkOS } = createRequire(`${process.cwd()}/`)("@workos-inc/node");
const { secret, body, header, late, in_time } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const webhooks = new WorkOS("sk_test_a2V5XzAxRzdFWVpQ").webhooks;
const take = (more) => webhooks.constructEvent({ payload: body, sigHeader: header, secret, ...more });
const refused = (more) => assert.rejects(take(more), { name: "SignatureVerificationException" });

const event = await take();
const wire = JSON.parse(body);
assert.equal(event.id, wire.id);
assert.equal(event.event, "mfa.verification_failed");
assert.equal(event.createdAt, wire.created_at);
assert.deepEqual(event.data, wire.data);
assert.equal((await take({ payload: Buffer.from(body) })).id, wire.id);
await take({ sigHeader: in_time });
await refused({ payload: body.replace("wrong_code", "valid") });
await refused({ payload: `${body} ` });
await refused({ secret: `${secret}x` });
await refused({ sigHeader: late });
await refused({ sigHeader: header.replace(/t=(\d)/, (_, digit) => `t=${(Number(digit) + 1) % 10}`) });
console.log("WorkOS's SDK takes the webhook");
