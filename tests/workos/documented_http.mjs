// Runs what docs/http-api.md has of JavaScript as it stands there: documented_http.mjs PAGE API KEY. The browser of its
// user is an authenticator of this file's.
import assert from "node:assert/strict";
import { createHash, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

const [page, api, key] = process.argv.slice(2);
const text = readFileSync(page, "utf8");
const script = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, block]) => block).join("");
assert.ok(script, "the page has nothing to run");

// --- an authenticator with one passkey (WebAuthn Level 3, section 6)

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { x, y } = publicKey.export({ format: "jwk" });
const id = randomBytes(32);
let userHandle;
let count = 0;

const touched = 0x01;
const verified = 0x04;
const withCredential = 0x40;
const authenticatorData = (rpId, flags) => {
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(++count);
  return Buffer.concat([sha256(rpId), Buffer.from([touched | verified | flags]), counter]);
};
const clientData = (type, challenge) =>
  Buffer.from(JSON.stringify({ type, challenge, origin: "https://example.org", crossOrigin: false }));
const credential = (response) => ({
  id: id.toString("base64url"),
  rawId: id.toString("base64url"),
  type: "public-key",
  clientExtensionResults: {},
  response: Object.fromEntries(Object.entries(response).map(([name, bytes]) => [name, bytes.toString("base64url")])),
});

/** `navigator.credentials.create`, and what its `toJSON` gives. */
const create = async (options) => {
  userHandle = Buffer.from(options.user.id, "base64url");
  const cose = Buffer.concat([
    Buffer.from("a5010203262001215820", "hex"), // EC2, ES256, P-256
    Buffer.from(x, "base64url"),
    Buffer.from("225820", "hex"),
    Buffer.from(y, "base64url"),
  ]);
  const data = Buffer.concat([
    authenticatorData(options.rp.id, withCredential),
    Buffer.alloc(16), // no model
    Buffer.from([0, id.length]),
    id,
    cose,
  ]);
  const attestationObject = Buffer.concat([
    Buffer.from("a363666d74646e6f6e656761747453746d74a0686175746844617461", "hex"), // fmt none, attStmt, authData
    Buffer.from([0x58, data.length]),
    data,
  ]);
  return credential({ clientDataJSON: clientData("webauthn.create", options.challenge), attestationObject });
};

/** `navigator.credentials.get`, and what its `toJSON` gives. */
const get = async (options) => {
  const clientDataJSON = clientData("webauthn.get", options.challenge);
  const data = authenticatorData(options.rpId, 0);
  const signature = createSign("SHA256").update(data).update(sha256(clientDataJSON)).sign(privateKey);
  return credential({ clientDataJSON, authenticatorData: data, signature, userHandle });
};

// --- the page

const AsyncFunction = (async () => {}).constructor;
const seen = "return { owed, confirmed, shown, codes, known, recovered, owes };";
const run = new AsyncFunction("api", "key", "create", "get", script + seen);
const { owed, confirmed, shown, codes, known, recovered, owes } = await run(api, key, create, get);
assert.equal(owed.lets_pass, false);
assert.deepEqual(owed.offer, ["webauthn", "totp"]);
assert.equal(confirmed.status, "valid");
assert.equal(shown.valid, true);
assert.equal(shown.user_id, "u_44");
assert.deepEqual(shown.assurance, { factors: 2, phishing_resistant: true });
assert.equal(codes.recovery_codes.codes.length, 10);
assert.equal(known.trusted, true);
assert.equal(recovered.valid, true);
assert.equal(recovered.factor_type, "recovery_codes");
assert.equal(owes.standing, "met");
