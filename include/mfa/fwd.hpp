#pragma once

#include <cstddef>

#include <mfa/compiler.hpp>

namespace mfa {

class Error;
class KeyRing;
class FactorDetails;
class ChallengeDetails;
class Verification;
class Confirmation;
class Authorization;
class UserId;
class Whose;
struct Options;
struct ChallengeOptions;
struct ResendOptions;
struct VerifyOptions;
struct DeleteOptions;
struct RevokeOptions;
struct ResetOptions;
struct Event;
struct EventContext;
struct Page;
struct Totp;
struct Sms;
struct GenericOtp;
struct Hotp;
struct RecoveryCodes;
struct WebAuthn;
struct Email;
struct SmsMessage;
struct EmailMessage;

namespace storage {
struct FactorRecord;
struct ChallengeRecord;
struct CounterRecord;
struct Batch;
template <std::size_t shard_count> class BasicMemory;
using Memory = BasicMemory<32>;
class Sqlite;
class Postgres;
class Redis;
} // namespace storage

namespace webauthn {
class RelyingParty;
}

namespace clock {
struct System;
}

namespace sms {
struct None;
class Console;
} // namespace sms

struct ThrowErrors;
struct ReturnErrors;

template <class Storage, class Clock = clock::System, class SmsTransport = sms::None,
          class Errors = ThrowErrors>
class Verifier;
template <class Storage, class Clock, class SmsTransport,
          class Owner = Verifier<Storage, Clock, SmsTransport>>
class Factor;
template <class Storage, class Clock, class SmsTransport,
          class Owner = Verifier<Storage, Clock, SmsTransport>>
class Challenge;

} // namespace mfa
