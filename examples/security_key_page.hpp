#pragma once

#include <string_view>

/// The page of the example security_key, as a host would write its own: two fetches and one browser call for
/// each ceremony.
inline constexpr std::string_view security_key_page = R"page(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Security keys</title>
<h1>Security keys and fingerprints</h1>
<p>
  <button id="security-key">Enrol a security key</button>
  <button id="platform">Enrol this device (PIN, face or fingerprint)</button>
</p>
<ul id="factors"></ul>
<p>Last answer: <output id="answer">none yet</output></p>
<script>
// Base64url, for browsers without the JSON functions of WebAuthn Level 3 (before 2025).
const toBytes = text =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0));
const toText = bytes =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const withBytes = list => list.map(item => ({...item, id: toBytes(item.id)}));

function creationOptions(json) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON)
    return PublicKeyCredential.parseCreationOptionsFromJSON(json);
  return {...json, challenge: toBytes(json.challenge), user: {...json.user, id: toBytes(json.user.id)},
          excludeCredentials: withBytes(json.excludeCredentials)};
}

function requestOptions(json) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON)
    return PublicKeyCredential.parseRequestOptionsFromJSON(json);
  return {...json, challenge: toBytes(json.challenge), allowCredentials: withBytes(json.allowCredentials)};
}

function credentialJson(credential) {
  if (credential.toJSON) return credential.toJSON();
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
  return {id: credential.id, rawId: credential.id, type: credential.type, response,
          clientExtensionResults: credential.getClientExtensionResults()};
}

async function post(path, body) {
  const answer = await fetch(path, {method: 'POST', body: JSON.stringify(body)});
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error);
  return json;
}

async function enroll(authenticator) {
  const {factor_id, challenge_id, options} = await post('/enroll', {authenticator});
  const credential = await navigator.credentials.create({publicKey: creationOptions(options)});
  const answer = await post('/confirm', {challenge_id, response: credentialJson(credential)});
  return {factor_id, ...answer};
}

async function signIn(factor_id) {
  const {challenge_id, options} = await post('/challenge', {factor_id});
  const credential = await navigator.credentials.get({publicKey: requestOptions(options)});
  return post('/verify', {challenge_id, response: credentialJson(credential)});
}

async function show(ceremony) {
  const answer = document.getElementById('answer');
  try {
    answer.value = JSON.stringify(await ceremony);
  } catch (error) {
    answer.value = error;
  }
  const list = document.getElementById('factors');
  list.replaceChildren();
  for (const factor of (await (await fetch('/factors')).json()).filter(f => f.verified)) {
    const item = list.appendChild(document.createElement('li'));
    item.textContent = `${factor.friendly_name} (${factor.transports.join(', ')}) `;
    const button = item.appendChild(document.createElement('button'));
    button.textContent = 'Sign in';
    button.onclick = () => show(signIn(factor.id));
  }
}

for (const authenticator of ['security-key', 'platform'])
  document.getElementById(authenticator).onclick = () => show(enroll(authenticator));
</script>
)page";
