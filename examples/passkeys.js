// Passkeys and security keys in a page, for a server with mfa-cpp. A module without dependencies: copy it, and
//   import * as passkeys from './passkeys.js';
//
// Each ceremony gets two functions of the page:
//   ask()                  fetches {options, ...}: the JSON of `webauthn_options()`, as text or parsed, and what the
//                          page wants to find again with the answer, as the challenge's id. May come to nothing
//                          (undefined), and then there is no ceremony.
//   answer(json, asked)    sends the browser's answer and gives the server's, with `status`: "valid", or another
//                          of the library's.
// A ceremony gives what `answer` gave. It throws what these two throw, or the browser: `NotAllowedError` if the user
// declined, `InvalidStateError` if he enrols an authenticator that he has enrolled, `AbortError` if another began.

// Base64url, as the JSON of WebAuthn Level 3 has it.
const toBytes = text =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0));

function toText(buffer) {
  const bytes = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
  let characters = '';
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}

const withBytes = (list = []) => list.map(item => ({...item, id: toBytes(item.id)}));

function prfInputs({first, second}) {
  return second === undefined ? {first: toBytes(first)} : {first: toBytes(first), second: toBytes(second)};
}

function extensionInputs(json) {
  const extensions = {...json};
  const {largeBlob, prf} = extensions;
  if (largeBlob && largeBlob.write !== undefined)
    extensions.largeBlob = {...largeBlob, write: toBytes(largeBlob.write)};
  if (prf) {
    extensions.prf = {...prf};
    if (prf.eval) extensions.prf.eval = prfInputs(prf.eval);
    if (prf.evalByCredential)
      extensions.prf.evalByCredential = Object.fromEntries(
        Object.entries(prf.evalByCredential).map(([id, inputs]) => [id, prfInputs(inputs)]));
  }
  return extensions;
}

function extensionOutputs(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return toText(value);
  if (Array.isArray(value)) return value.map(extensionOutputs);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, extensionOutputs(inner)]));
}

const parsed = json => (typeof json === 'string' ? JSON.parse(json) : json);

/// What `navigator.credentials.create` takes as `publicKey`.
export function creationOptions(json) {
  const options = parsed(json);
  if (PublicKeyCredential.parseCreationOptionsFromJSON)
    return PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return {...options, challenge: toBytes(options.challenge), user: {...options.user, id: toBytes(options.user.id)},
          excludeCredentials: withBytes(options.excludeCredentials),
          extensions: extensionInputs(options.extensions)};
}

/// What `navigator.credentials.get` takes as `publicKey`.
export function requestOptions(json) {
  const options = parsed(json);
  if (PublicKeyCredential.parseRequestOptionsFromJSON)
    return PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return {...options, challenge: toBytes(options.challenge), allowCredentials: withBytes(options.allowCredentials),
          extensions: extensionInputs(options.extensions)};
}

/// What the server takes, of a credential of either.
export function credentialJson(credential) {
  // Not by its toJSON: WebKit's (before Safari 26.5.1) may crash the page, or give wrong values of prf.
  const from = credential.response;
  const response = {clientDataJSON: toText(from.clientDataJSON)};
  if (from.attestationObject) {
    response.attestationObject = toText(from.attestationObject);
    response.transports = from.getTransports ? from.getTransports() : [];
  } else {
    response.authenticatorData = toText(from.authenticatorData);
    response.signature = toText(from.signature);
    if (from.userHandle) response.userHandle = toText(from.userHandle);
  }
  const json = {id: credential.id, rawId: credential.id, type: credential.type, response,
                clientExtensionResults: extensionOutputs(credential.getClientExtensionResults())};
  if (credential.authenticatorAttachment) json.authenticatorAttachment = credential.authenticatorAttachment;
  return json;
}

/// Whether this browser has WebAuthn at all.
export const available = () => typeof PublicKeyCredential === 'function';

async function offers(capability, older) {
  if (!available()) return false;
  try {
    if (PublicKeyCredential.getClientCapabilities) {
      const said = (await PublicKeyCredential.getClientCapabilities())[capability];
      if (said !== undefined) return said;
    }
    return older && PublicKeyCredential[older] ? await PublicKeyCredential[older]() : false;
  } catch {
    return false;
  }
}

/// Whether this browser offers passkeys in the field of the user name.
export const offersInField = () => offers('conditionalGet', 'isConditionalMediationAvailable');

/// Whether this browser makes a passkey after a password without a prompt.
export const offersUpgrade = () => offers('conditionalCreate');

// Browsers run one ceremony at a time: the later one ends the earlier.
let running = null;
// What ends the offer in the field, if there is one.
let offering = null;
// What a conditional sign-in comes to that was ended here, by a later ceremony or before its challenge expired.
const ended = Symbol('ended');

async function alone(ceremony, conditional = false) {
  const before = running;
  const controller = new AbortController();
  let end;
  const mine = {controller, conditional, over: new Promise(resolve => { end = resolve; })};
  running = mine;
  try {
    if (before) {
      before.controller.abort();
      await before.over;
    }
    return await ceremony(controller);
  } finally {
    if (running === mine) running = null;
    end();
  }
}

function unlessAborted(signal) {
  if (signal.aborted) throw new DOMException('another ceremony has begun', 'AbortError');
}

async function create({ask, answer}, mediation) {
  return alone(async controller => {
    const {signal} = controller;
    const asked = await ask();
    if (!asked) return undefined;
    unlessAborted(signal);
    const publicKey = creationOptions(asked.options);
    // A browser that waits for its password manager is not waited for longer than the challenge lives.
    const end = mediation && setTimeout(() => controller.abort(), publicKey.timeout || 300000);
    let credential;
    try {
      credential = await navigator.credentials.create({...mediation, publicKey, signal});
    } finally {
      clearTimeout(end);
    }
    return answer(credentialJson(credential), asked);
  });
}

async function get({ask, answer}, mediation) {
  return alone(async controller => {
    const {signal} = controller;
    const asked = await ask();
    if (!asked) return undefined;
    if (mediation && signal.aborted) return ended;
    unlessAborted(signal);
    // A conditional request stands for as long as the page: it ends before its challenge does.
    const lifetime = asked.lifetime || 3600000;
    const renewal = mediation && setTimeout(() => controller.abort(), Math.max(lifetime - 60000, lifetime / 2));
    let credential;
    try {
      credential = await navigator.credentials.get({...mediation, publicKey: requestOptions(asked.options), signal});
    } catch (error) {
      if (mediation && signal.aborted) return ended;
      throw error;
    } finally {
      clearTimeout(renewal);
    }
    const json = credentialJson(credential);
    const answered = await answer(json, asked);
    if (answered.status === 'unknown_credential')
      await signalUnknownCredential({rpId: parsed(asked.options).rpId, credentialId: json.id});
    if (answered.status === 'valid' && !mediation) stopOffer();
    return answered;
  }, Boolean(mediation));
}

/// Makes a credential: `challenge_enrollment`, `confirm_enrollment`.
export const enroll = page => create(page);

/// Signs in at a button: `challenge_passkey`, `challenge_user` or `challenge_factor`, then `verify_challenge`. An
/// offer in the field is ended for it, and comes back if this came to nothing.
export const signIn = page => get(page);

/// Offers passkeys in the field of the user name, which is an `<input autocomplete="username webauthn">`:
/// `challenge_passkey` with `ChallengeOptions::conditional`. `ask` may give `lifetime` as well, the milliseconds
/// until the challenge expires (an hour if it does not): fresh options are asked for before that, and after
/// an answer was refused. `refused` gets each answer that was not valid, or the error if there was none. Gives
/// the valid answer; or undefined: at once if this browser has no such offer, later if the offer was ended.
export async function offerInField({ask, answer, refused = () => {}}) {
  stopOffer();
  const mine = new AbortController();
  offering = mine;
  if (!(await offersInField())) return undefined;
  for (let failures = 0; !mine.signal.aborted;) {
    if (running) {
      await running.over;
      continue;
    }
    const began = Date.now();
    try {
      const answered = await get({ask: async () => {
        const asked = await ask();
        return mine.signal.aborted ? undefined : asked;
      }, answer}, {mediation: 'conditional'});
      if (answered === ended) continue;
      if (!answered) return undefined;
      if (answered.status === 'valid') {
        if (offering === mine) offering = null;
        return answered;
      }
      refused(answered);
    } catch (error) {
      // The page's mistakes, which do not pass.
      if (['SecurityError', 'NotSupportedError', 'InvalidStateError'].includes(error.name)) throw error;
      refused(error);
    }
    // A browser or server that refuses at once is not asked again at once.
    failures = Date.now() - began > 60000 ? 0 : failures + 1;
    await new Promise(resolve => setTimeout(resolve, Math.min(500 * 2 ** failures, 60000)));
  }
  return undefined;
}

/// Ends the offer in the field, if there is one: when the user has signed in by other means.
export function stopOffer() {
  if (!offering) return;
  offering.abort();
  offering = null;
  if (running && running.conditional) running.controller.abort();
}

/// Makes a passkey after a sign-in by password without a prompt, if the browser will: an enrolment with
/// `WebAuthn::conditional_create`. Gives undefined if it will not; the server is only asked by `ask` if it can.
export async function upgrade(page) {
  if (!(await offersUpgrade())) return undefined;
  try {
    return await create(page, {mediation: 'conditional'});
  } catch (error) {
    // No password was filled in lately, the user wants none, or has one already.
    if (['NotAllowedError', 'InvalidStateError', 'AbortError'].includes(error.name)) return undefined;
    throw error;
  }
}

// What `mfa::webauthn::signals` makes, to the user's password manager. True if this browser takes it.
async function signal(name, json) {
  if (!json || !available() || !PublicKeyCredential[name]) return false;
  try {
    await PublicKeyCredential[name](parsed(json));
    return true;
  } catch {
    return false; // it is advice; nothing depends on it
  }
}

/// A credential is not the server's. `signIn` and `offerInField` do so by themselves for what they were given.
export const signalUnknownCredential = json => signal('signalUnknownCredential', json);
/// After a sign-in, and when a factor was deleted.
export const signalAllAcceptedCredentials = json => signal('signalAllAcceptedCredentials', json);
/// The user has another name.
export const signalCurrentUserDetails = json => signal('signalCurrentUserDetails', json);
