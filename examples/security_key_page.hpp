#pragma once

#include <string_view>

/// The page of the example security_key, as a host would write its own around `passkeys.js`: two fetches for
/// each ceremony.
inline constexpr std::string_view security_key_page = R"page(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Passkeys and security keys</title>
<h1>Passkeys and security keys</h1>
<p>
  <label>User name <input id="user" autocomplete="username webauthn" value="alan@example.org"></label>
  <button id="by-name">Sign in with any key of this user</button>
  <button id="by-passkey">Sign in with a passkey, without a user name</button>
</p>
<p>
  <button id="passkey">Enrol a passkey</button>
  <button id="security-key">Enrol a security key</button>
  <button id="platform">Enrol this device (PIN, face or fingerprint)</button>
  <button id="upgrade">Enrol a passkey without a prompt, as after a password</button>
</p>
<ul id="factors"></ul>
<p>Last answer: <output id="answer">none yet</output></p>
<script type="module">
import * as passkeys from './passkeys.js';

const field = document.getElementById('user');

async function post(path, body) {
  const answer = await fetch(path, {method: 'POST', body: JSON.stringify(body)});
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error);
  return json;
}

// What `ask` and `answer` of the ceremonies are here.
const asking = (path, body) => () => post(path, body);
const confirm = async (response, {challenge_id, factor_id}) =>
  ({factor_id, ...await post('/confirm', {challenge_id, response, user: field.value})});

async function verify(response, {challenge_id}) {
  const answer = await post('/verify', {challenge_id, response});
  // His password manager drops what was deleted here, and learns his name.
  await passkeys.signalAllAcceptedCredentials(answer.accepted);
  await passkeys.signalCurrentUserDetails(answer.details);
  return answer;
}

const enroll = authenticator =>
  passkeys.enroll({ask: asking('/enroll', {user: field.value, authenticator}), answer: confirm});
const upgrade = () =>
  passkeys.upgrade({ask: asking('/enroll', {user: field.value, authenticator: 'upgrade'}), answer: confirm});
const signIn = factor_id =>
  passkeys.signIn({ask: asking('/challenge', {user: field.value, factor_id}), answer: verify});
const signInByName = () =>
  passkeys.signIn({ask: asking('/challenge-user', {user: field.value}), answer: verify});
const signInByPasskey = () => passkeys.signIn({ask: asking('/challenge-passkey', {}), answer: verify});
const offer = () => passkeys.offerInField(
  {ask: asking('/challenge-passkey', {conditional: true}), answer: verify, refused: tell});

async function remove(factor_id) {
  const answer = await post('/delete', {user: field.value, factor_id});
  await passkeys.signalAllAcceptedCredentials(answer.accepted);
  return answer;
}

function tell(answer) {
  document.getElementById('answer').value = answer instanceof Error ? answer : JSON.stringify(answer);
}

async function show(ceremony) {
  try {
    const answer = await ceremony;
    if (answer === undefined) return; // this browser does not offer it
    if (answer.user) field.value = answer.user;
    tell(answer);
  } catch (error) {
    tell(error);
  }
  const list = document.getElementById('factors');
  list.replaceChildren();
  for (const factor of (await post('/factors', {user: field.value})).filter(f => f.verified)) {
    const item = list.appendChild(document.createElement('li'));
    item.textContent = `${factor.friendly_name} (${factor.transports.join(', ')}) `;
    for (const [text, action] of [['Sign in', signIn], ['Delete', remove]]) {
      const button = item.appendChild(document.createElement('button'));
      button.textContent = text;
      button.onclick = () => show(action(factor.id));
    }
  }
}

for (const authenticator of ['passkey', 'security-key', 'platform'])
  document.getElementById(authenticator).onclick = () => show(enroll(authenticator));
document.getElementById('upgrade').onclick = () => show(upgrade());
document.getElementById('by-name').onclick = () => show(signInByName());
document.getElementById('by-passkey').onclick = () => show(signInByPasskey());
show(offer());

// For the browser's console.
Object.assign(window, {passkeys, enroll, upgrade, signIn, signInByName, signInByPasskey, offer, remove});
</script>
)page";
