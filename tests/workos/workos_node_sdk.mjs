// WorkOS's SDK for node through its MFA and user management methods, right and wrong, against the server at the
// port that is given. Every answer is held against WorkOS's OpenAPI file. The packages are in the working directory.
import assert from "node:assert/strict";
import { createHmac, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

globalThis.crypto ??= webcrypto; // node 18, Debian 12's
const port = Number(process.argv[2]);
const packages = createRequire(pathToFileURL(join(process.cwd(), "package.json")));
const { WorkOS } = packages("@workos-inc/node");
const Ajv = packages("ajv/dist/2020");
const { parse } = packages("yaml");

// --- the answers, as WorkOS describes them

const spec = parse(
  readFileSync(join(process.cwd(), "node_modules/@workos/openapi-spec/open-api-spec.yaml"), "utf8"),
);
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
/** Every `$ref` in a schema, and in those that they lead to. */
const references = (schema, found = new Set()) => {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    if (!found.has(name)) references(spec.components.schemas[name], found.add(name));
  return found;
};
const validators = new Map();
const validatorOf = (name, schema) => {
  if (!validators.has(name)) {
    const schemas = Object.fromEntries([...references(schema)].map((each) => [each, spec.components.schemas[each]]));
    validators.set(name, ajv.compile({ ...schema, components: { schemas } }));
  }
  return validators.get(name);
};
const paths = Object.keys(spec.paths).map((path) => ({
  path,
  form: new RegExp(`^${path.replace(/\{[^}]*\}/g, "[^/]+")}$`),
}));
const held = new Set(); // which answers were held against the file
const wire = []; // what went over the wire

const check = (method, pathname, status, type, text) => {
  if (status === 401) return; // which the file has nowhere
  const { path } = paths.find(({ form }) => form.test(pathname)) ?? assert.fail(`${pathname} is not in the file`);
  const responses = spec.paths[path][method.toLowerCase()].responses;
  const response = responses[status] ?? assert.fail(`${method} ${path} is not answered ${status} in the file`);
  const name = `${method} ${path} ${status}`;
  held.add(name);
  const schema = response.content?.["application/json"]?.schema;
  if (!schema) return assert.equal(text, "");
  assert.match(type, /application\/json/);
  const validate = validatorOf(name, schema);
  if (!validate(JSON.parse(text))) assert.fail(`${name}: ${ajv.errorsText(validate.errors)}: ${text}`);
};

const fetched = globalThis.fetch;
globalThis.fetch = async (url, options = {}) => {
  const response = await fetched(url, options);
  const { pathname } = new URL(url);
  if (pathname.startsWith("/test/")) return response;
  const text = await response.clone().text();
  const method = options.method ?? "GET";
  wire.push({ method, pathname, status: response.status, key: new Headers(options.headers).get("idempotency-key") });
  check(method, pathname, response.status, response.headers.get("content-type") ?? "", text);
  return response;
};

// --- the host of the test

const test = async (path) => (await fetch(`http://127.0.0.1:${port}/test/${path}`, { method: "POST" })).text();
const now = async () => Number(await test("now"));
const advance = (seconds) => test(`advance?seconds=${seconds}`);

/** An authenticator (RFC 6238). */
const totp = async (secret, steps = 0) => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor((await now()) / 30) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
};
const other = (code) => code.slice(0, 5) + ((Number(code[5]) + 1) % 10);

/** Calls, and gives what is thrown. */
const thrown = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
};
/** Throws an error of this class and status, which carries the id of its request; and is not tried again. */
const refused = async (name, status, call) => {
  const before = wire.length;
  const error = await thrown(call);
  assert.equal(error.name, name, error.message);
  assert.equal(error.status, status);
  assert.match(error.requestID, /^req_[0-9a-f]{32}$/);
  assert.equal(wire.length, before + 1, "the SDK tried again");
  return error;
};

const client = (key) =>
  new WorkOS(key, { apiHostname: "127.0.0.1", https: false, port, clientId: "client_1" });
const workos = client("sk_test_a2V5XzAxRzdFWVpQ");
const mfa = workos.multiFactorAuth;

// --- TOTP

const enrolled = await mfa.enrollFactor({ type: "totp", issuer: "Foo Corp", user: "alan.turing@example.com" });
assert.equal(enrolled.object, "authentication_factor");
assert.equal(enrolled.type, "totp");
assert.equal(enrolled.totp.issuer, "Foo Corp");
assert.match(enrolled.totp.qrCode, /^data:image\/png;base64,/);
assert.match(enrolled.totp.uri, /^otpauth:\/\/totp\//);
assert.equal(enrolled.sms, undefined);
assert.ok(!Number.isNaN(Date.parse(enrolled.createdAt)));
const { secret } = enrolled.totp;

for (let i = 0; i < 2; ++i) {
  // the confirmation of the enrolment, and a sign-in
  const challenge = await mfa.challengeFactor({ authenticationFactorId: enrolled.id });
  assert.equal(challenge.object, "authentication_challenge");
  assert.equal(challenge.authenticationFactorId, enrolled.id);
  assert.equal(challenge.expiresAt, undefined);
  const authenticationChallengeId = challenge.id;
  const wrong = await mfa.verifyChallenge({ authenticationChallengeId, code: await totp(secret, 40) });
  assert.equal(wrong.valid, false);
  assert.equal(wrong.challenge.id, challenge.id);
  const code = await totp(secret);
  assert.equal((await mfa.verifyChallenge({ authenticationChallengeId, code })).valid, true);
  const again = await refused("UnprocessableEntityException", 422, () =>
    mfa.verifyChallenge({ authenticationChallengeId, code }),
  );
  assert.equal(again.code, "authentication_challenge_previously_verified");
  await advance(30);
}
const exhausted = await mfa.challengeFactor({ authenticationFactorId: enrolled.id });
for (let i = 0; i < 5; ++i)
  assert.equal(
    (await mfa.verifyChallenge({ authenticationChallengeId: exhausted.id, code: await totp(secret, 40) })).valid,
    false,
  );
const tooMany = await refused("GenericServerException", 400, async () =>
  mfa.verifyChallenge({ authenticationChallengeId: exhausted.id, code: await totp(secret) }),
);
assert.equal(tooMany.code, "one_time_code_too_many_attempts");

const got = await mfa.getFactor(enrolled.id);
assert.deepEqual(got.totp, { issuer: "Foo Corp", user: "alan.turing@example.com" });
await mfa.deleteFactor(enrolled.id);
await refused("NotFoundException", 404, () => mfa.getFactor(enrolled.id));
await refused("NotFoundException", 404, () => mfa.deleteFactor(enrolled.id));
await refused("NotFoundException", 404, () => mfa.challengeFactor({ authenticationFactorId: enrolled.id }));
await refused("NotFoundException", 404, () =>
  mfa.verifyChallenge({ authenticationChallengeId: exhausted.id, code: "123456" }),
);

// --- SMS

const badNumber = await refused("UnprocessableEntityException", 422, () =>
  mfa.enrollFactor({ type: "sms", phoneNumber: "foo" }),
);
assert.equal(badNumber.code, "invalid_phone_number");
const phone = await mfa.enrollFactor({ type: "sms", phoneNumber: "+14155550123" });
assert.deepEqual(phone.sms, { phoneNumber: "+14155550123" });
assert.deepEqual((await mfa.getFactor(phone.id)).sms, { phoneNumber: "+14155550123" });
const texted = await mfa.challengeFactor({ authenticationFactorId: phone.id, smsTemplate: "Foo Corp: {{code}}" });
assert.equal(Date.parse(texted.expiresAt) - Date.parse(texted.createdAt), 600_000);
assert.equal(texted.code, undefined);
const message = await test("sms");
assert.match(message, /^Foo Corp: [0-9]{6}$/);
const sent = message.slice(-6);
// Another message too soon, which no SDK may send by itself later.
const soon = await refused("UnprocessableEntityException", 422, () =>
  mfa.challengeFactor({ authenticationFactorId: phone.id }),
);
assert.equal(soon.code, "sms_rate_limited");
assert.equal(
  (await mfa.verifyChallenge({ authenticationChallengeId: texted.id, code: other(sent) })).valid,
  false,
);
assert.equal((await mfa.verifyChallenge({ authenticationChallengeId: texted.id, code: sent })).valid, true);
await advance(3600);
const late = await mfa.challengeFactor({ authenticationFactorId: phone.id });
await advance(601);
const expired = await refused("UnprocessableEntityException", 422, async () =>
  mfa.verifyChallenge({ authenticationChallengeId: late.id, code: (await test("sms")).slice(-6) }),
);
assert.equal(expired.code, "authentication_challenge_expired");

// A provider that fails: once, and not once more.
await advance(3600);
const messages = Number(await test("messages"));
await test("fail");
await refused("UnprocessableEntityException", 422, () => mfa.challengeFactor({ authenticationFactorId: phone.id }));
assert.equal(Number(await test("messages")), messages);

// --- a code to deliver

const generic = await mfa.enrollFactor({ type: "generic_otp" });
assert.equal(generic.type, "generic_otp");
assert.equal(generic.totp, undefined);
const delivered = await mfa.challengeFactor({ authenticationFactorId: generic.id });
assert.match(delivered.code, /^[0-9]{6}$/);
assert.equal(
  (await mfa.verifyChallenge({ authenticationChallengeId: delivered.id, code: delivered.code })).valid,
  true,
);

// --- user management

const userId = "user_01E4ZCR3C56J083X43JQXF3JK5";
const { authenticationFactor: factor, authenticationChallenge: asked } = await mfa.createUserAuthFactor({
  userlandUserId: userId,
  userId,
  type: "totp",
  totpIssuer: "Foo Corp",
  totpUser: "alan.turing@example.com",
  totpSecret: "JBSWY3DPEHPK3PXP",
});
assert.equal(factor.userId, userId);
assert.equal(factor.totp.secret, "JBSWY3DPEHPK3PXP");
assert.equal(asked.authenticationFactorId, factor.id);
const twice = await refused("UnprocessableEntityException", 422, () =>
  mfa.createUserAuthFactor({
    userlandUserId: userId,
    userId,
    type: "totp",
    totpSecret: "JBSWY3DPEHPK3PXP",
  }),
);
assert.equal(twice.code, "duplicate_secret");
const short = await refused("UnprocessableEntityException", 422, () =>
  mfa.createUserAuthFactor({ userlandUserId: userId, userId, type: "totp", totpSecret: "JBSW" }),
);
assert.equal(short.code, "invalid_secret");

const grant = {
  clientId: "client_1",
  pendingAuthenticationToken: await test(`begin?user=${userId}`),
  authenticationChallengeId: asked.id,
  ipAddress: "192.0.2.1",
  userAgent: "Mozilla/5.0",
};
const signIn = (more) => workos.userManagement.authenticateWithTotp({ ...grant, ...more });
const wrongCode = await thrown(async () => signIn({ code: await totp("JBSWY3DPEHPK3PXP", 40) }));
assert.equal(wrongCode.status, 400);
assert.equal(wrongCode.code ?? wrongCode.rawData?.code, "invalid_one_time_code");
const unknown = await thrown(async () =>
  signIn({ code: await totp("JBSWY3DPEHPK3PXP"), pendingAuthenticationToken: "unknown" }),
);
assert.equal(unknown.status, 400);
await refused("OauthException", 400, async () =>
  signIn({ code: await totp("JBSWY3DPEHPK3PXP"), clientId: "client_2" }),
);
const session = await signIn({ code: await totp("JBSWY3DPEHPK3PXP") });
assert.equal(session.user.id, userId);
assert.equal(session.user.email, "alan.turing@example.com");
assert.equal(session.accessToken, "access");
assert.equal(session.refreshToken, "refresh");

// A challenge of another's factor, and a factor of a stranger's who has the password.
const stranger = await mfa.createUserAuthFactor({ userlandUserId: userId, userId, type: "totp" });
const strangers = {
  code: await totp(stranger.authenticationFactor.totp.secret),
  authenticationChallengeId: stranger.authenticationChallenge.id,
};
await test("begin?user=user_of_another_token");
await refused("NotFoundException", 404, () => signIn(strangers));
await test(`begin?user=${userId}&may_enroll=no`);
const unconfirmed = await thrown(() => signIn(strangers));
assert.equal(unconfirmed.status, 403);
assert.equal(unconfirmed.code, "authentication_method_not_allowed");
await refused("UnprocessableEntityException", 422, () => signIn({ ...strangers, code: "" }));
await mfa.deleteFactor(stranger.authenticationFactor.id);

// Pages of two, both ways.
await advance(60);
const ids = [factor.id];
for (let i = 0; i < 4; ++i) {
  await advance(1);
  const more = await mfa.createUserAuthFactor({ userlandUserId: userId, userId, type: "totp" });
  ids.unshift(more.authenticationFactor.id);
}
const list = await mfa.listUserAuthFactors({ userlandUserId: userId, userId, limit: 2 });
assert.deepEqual(list.data.map(({ id }) => id), ids.slice(0, 2));
assert.deepEqual(list.listMetadata, { before: null, after: ids[1] });
const whole = await mfa.listUserAuthFactors({ userlandUserId: userId, userId });
assert.deepEqual((await whole.autoPagination()).map(({ id }) => id), ids);
const page = await mfa.listUserAuthFactors({ userlandUserId: userId, userId, limit: 2, after: ids[1] });
assert.deepEqual(page.data.map(({ id }) => id), ids.slice(2, 4));
const back = await mfa.listUserAuthFactors({ userlandUserId: userId, userId, limit: 2, before: page.listMetadata.before });
assert.deepEqual(back.data.map(({ id }) => id), ids.slice(0, 2));
const oldest = await mfa.listUserAuthFactors({ userlandUserId: userId, userId, order: "asc" });
assert.deepEqual(oldest.data.map(({ id }) => id), [...ids].reverse());
await refused("UnprocessableEntityException", 422, () =>
  mfa.listUserAuthFactors({ userlandUserId: userId, userId, limit: 101 }),
);

// --- without a key

await refused("UnauthorizedException", 401, () => client("sk_test_wrong").multiFactorAuth.getFactor(phone.id));

// --- what was seen

assert.ok(wire.filter(({ method }) => method === "POST").every(({ key }) => key?.startsWith("retry-")));
const all = Object.entries(spec.paths)
  .filter(([path]) => /^\/auth\/(factors|challenges)|auth_factors$|^\/user_management\/authenticate$/.test(path))
  .flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses ?? {}).map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  );
assert.deepEqual(
  all.filter((answer) => !held.has(answer)),
  ["DELETE /auth/factors/{id} 200", "POST /user_management/authenticate 429"],
);
console.log(`${wire.length} requests; held against WorkOS's file: ${[...held].sort().join(", ")}`);
