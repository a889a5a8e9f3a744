#!/bin/sh
# Takes each security rule out of a copy of the code, one at a time, and shows that the tests of the rules then fail:
# sh tests/mutations.sh [--dry-run] [part of a rule's name]. All take hours, as each is compiled; those of one name
# ("totp", "portal:") some minutes. Fails if a rule can go unnoticed.
# A dry run only checks that each edit still has its place in the code.
set -eu
cd "$(dirname "$0")/.."
. ./examples/requirements.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dry_run=false
[ "${1:-}" != --dry-run ] || { dry_run=true; shift; }
only=${1:-}
require perl-base
$dry_run || require g++ pkg-config libcpp-httplib-dev libssl-dev libqrencode-dev libpng-dev libsqlite3-dev catch2 oathtool \
  libhiredis-dev redis-server libpq-dev postgresql pgbouncer libcbor-dev nlohmann-json3-dev libxml2-dev libphonenumber-dev libcurl4-openssl-dev \
  python3-aiosmtpd
compiler=${CXX:-g++}
flags="-std=c++20 -O0 -Itests"
libraries="-lcrypto -lqrencode -lpng"
# shellcheck disable=SC2086
$dry_run || $compiler $flags -c tests/main.cpp -o "$work/main.o"
rules=0
unnoticed=0
tests=tests/rules/security_rules.cpp

folder=include/mfa

# mutate RULE HEADER OLD NEW: OLD must be in the header, of $folder, exactly once.
mutate() {
  case $1 in *"$only"*) ;; *) return 0 ;; esac
  OLD=$3 NEW=$4 perl -0pe '
    my $old = join "\\s+", map { quotemeta } split /\s+/, $ENV{OLD}; # however the code is wrapped
    my $n = () = /$old/g;
    die "found $n times, expected once: $ENV{OLD}\n" if $n != 1;
    s/$old/$ENV{NEW}/' "$folder/$2" >"$work/edited" || exit 2
  rules=$((rules + 1))
  ! $dry_run || return 0
  rm -rf "$work/include" "$work/examples"
  cp -r include examples "$work"
  mv "$work/edited" "$work/$folder/$2"
  echo "- $1"
  echo "    edit: $2: $3  ->  ${4:-(nothing)}"
  # shellcheck disable=SC2086
  $compiler $flags -I"$work/include" "$tests" "$work/main.o" -o "$work/rules" $libraries \
    2>"$work/errors" || { cat "$work/errors"; exit 2; }
  if "$work/rules" --reporter compact >"$work/output" 2>&1; then
    unnoticed=$((unnoticed + 1))
    echo "    NOT NOTICED"
  else
    "$work/rules" --reporter junit 2>/dev/null | perl -0ne '
      my %seen;
      while (/<testcase [^>]*?\sname="([^"]*)"[^>]*?[^\/]>\s*<(?:failure|error)/g) {
        my $name = $1; $name =~ s/^([^\/]*).*/$1/s; print "    fails: $name\n" unless $seen{$name}++;
      }'
  fi
}

verification=decision/verification.hpp
mutate "totp secret" factor/authenticator.hpp 'SecretBytes secret(crypto::digest_size(hash));' 'SecretBytes secret(10);'
mutate "totp secret is random" factor/authenticator.hpp \
  'crypto::random_bytes_for(purpose_of("secret", record, user), secret);' ''
mutate "imported secrets are long enough" factor/authenticator.hpp 'secret.size() < least ||' ''
mutate "drift window, wider" factor/totp.hpp 'shifted(centre, around), parameters.next' \
  'shifted(centre, around + 1), parameters.next'
mutate "drift window, narrower" factor/totp.hpp 'shifted(centre, -around)' 'centre'
mutate "replay" factor/totp.hpp 'parameters.next = *found + 1;' ''
mutate "replay of an earlier step" factor/totp.hpp 'parameters.next = *found + 1;' \
  'parameters.next = *found + 1; if (*found > step) parameters.next = step + 1;'
mutate "no verdict before its commit" verbs/verify.hpp 'if (!co_await run.commit(batch)) {' \
  'bool moved = false; try { moved = !co_await run.commit(batch); } catch (...) {}
  if (moved) {'
mutate "attempts of a challenge are counted" $verification \
  'challenge.attempts_left -= challenge.attempts_left > 0 ? 1 : 0;' ''
mutate "attempts end a challenge" $verification \
  'if (challenge.attempts_left == 0) { end_challenge(challenge, ChallengeState::exhausted);' \
  'if (challenge.attempts_left == 0) {'
mutate "a replayed code is counted" factor/totp.hpp \
  'if (!match.fresh && match.used) return {.status = Status::code_already_used};' \
  'if (!match.fresh && match.used) return {.status = Status::code_already_used, .counted = false};'
mutate "failures are counted on the factor" $verification 'count_failure(factor, context.now);' ''
mutate "delays are kept" $verification 'if (lock.wait.count() > 0) return' 'if (false) return'
mutate "delays grow" decision/lockout.hpp 'std::int64_t{1} << doublings' 'std::int64_t{1}'
mutate "delays have a longest" decision/lockout.hpp ', options.longest_delay)' ', std::chrono::seconds(1000000))'
mutate "a right code ends the count" $verification 'forget_failures(factor);' ''
mutate "locked factors take no code" $verification 'if (lock.locked) return' 'if (false) return'
mutate "the code that locks a factor says so" verification.hpp \
  'factor_locked_(!trusted_device && decision::lockout(factor, context.now, context.options).locked)' 'factor_locked_(false)'
mutate "a factor says that it is locked" factor_details.hpp 'locked_ = lock.locked;' ''
mutate "a factor says until when it waits" factor_details.hpp 'delayed_until_ = lock.until;' ''
mutate "locked factors are not challenged" decision/challenge.hpp \
  'if (device_id.empty() && lockout(factor, context.now, context.options).locked)' 'if (false)'
mutate "the lock is opened for its user" verbs/unlock.hpp \
  'co_await run.find_factor(factor_id, whose); storage::Batch batch; co_await authorize(' \
  'co_await run.find_factor(factor_id, any_user); storage::Batch batch; co_await authorize('
mutate "the lock is opened by operators" verbs/unlock.hpp 'decision::forget_failures(factor);' ''
mutate "sms codes are random" factor/sent_code.hpp \
  'crypto::random_digits(options.digits, code_purpose(record.type, challenge))' \
  'std::string(options.digits, char(49))'
mutate "sms codes expire" $verification 'if (is_over(challenge, context.now))' 'if (false)'
mutate "sms codes expire in time" factor/lifetime.hpp 'if (until <= now) return true;' 'if (until < now) return true;'
mutate "sms codes are bound to the challenge" factor/sent_code.hpp '.append(" code ").append(challenge.id)' ''
mutate "sms codes are stored as an HMAC" factor/sent_code.hpp \
  'const std::string mac = context.keys.authenticate(code, of_code);' \
  'const std::string mac = context.keys.authenticate(code, of_code) + std::string(code);'
mutate "sends are limited" factor/sms_budgets.hpp 'if (of_number.wait) {' 'if (false) {'
mutate "sends: interval" factor/send_limits.hpp 'at_most(1, limits.interval);' ''
mutate "sends: hour" factor/send_limits.hpp 'at_most(limits.an_hour, hours(1));' ''
mutate "sends: day" factor/send_limits.hpp 'at_most(limits.a_day, hours(24));' ''
mutate "sends are counted by number" factor/sms.hpp \
  'return sms_message_counter_ids(crypto::text_of(phone_number_of(record, context)), purpose_of(record),' \
  'return sms_message_counter_ids(record.id, purpose_of(record),'
mutate "values in messages: lines" delivery/template_text.hpp 'if (mfa::detail::has_control_characters(value))' 'if (false)'
mutate "values in messages: direction" delivery/template_text.hpp \
  'if (turns_direction_or_line(mfa::detail::take_character(rest)))' \
  'if (mfa::detail::take_character(rest) == 0)'
mutate "values in messages: length" delivery/template_text.hpp \
  'mfa::detail::code_points(value) > longest_message_value' 'false'
mutate "values in messages: the origin of a code" sms/message_template.hpp "if (begins_line && value.starts_with('@'))" \
  'if (false && begins_line)'
mutate "one phone, one number: a zero" sms/numbering_plan.hpp \
  "if (dropped.empty() && !may_begin_with_zero && national.starts_with('0')) dropped = \"0\";" ''
mutate "one phone, one number: other prefixes" sms/numbering_plan.hpp 'dropped = *prefix;' ';'
mutate "one phone, one number: Argentina" sms/numbering_plan.hpp 'return (without_nine ? "9" : "")' 'return ("")'
mutate "country codes at enrolment" factor/sms.hpp \
  'if (auto forbidden = country_error(enrolled.phone_number, context)) throw *std::move(forbidden);' ''
mutate "country codes at the challenge" factor/sms.hpp \
  'if (auto forbidden = country_error(number, context))' \
  'if (auto forbidden = std::optional<Error>())'
mutate "no live challenge after a failed send" verbs/delivery.hpp \
  'return withdraw(run, challenge_id);' 'co_return true;'
mutate "single use" $verification 'end_challenge(challenge, ChallengeState::verified);' ''
mutate "supersession" $verification 'if (!is_current(factor, challenge)) return' 'if (false) return'
mutate "binding" $verification 'if (!bound_alike ||' 'if ('
mutate "secrets are sealed" crypto/key_ring.hpp 'crypto::seal(sealed, key->sealing, plain, associated_data);' \
  'sealed.append(crypto::text_of(plain));'
mutate "seals are tied to the record" factor/sealed_secret.hpp '.append(record.id) .append("\nof ")' '.append("\nof ")'
mutate "seals are tied to the kind" factor/sealed_secret.hpp \
  'return std::string(to_string(record.type))' 'return std::string()'
mutate "resealed when used: totp" factor/totp.hpp 'reseal_secret(record, secret, context.keys);' ''
mutate "resealed when used: sms" factor/sms.hpp 'reseal_secret(record, phone_number, context.keys);' ''
mutate "a durable storage needs a key ring" policies.hpp 'if (!policies.storage_is_ephemeral)' \
  'if (false)'
mutate "input is digits only" factor/typed_code.hpp 'if (!digit || count == digits_.size()) return;' \
  'if (!digit) continue; if (count == digits_.size()) return;'
mutate "no code costs no attempt" $verification 'if (said.status != Status::valid && !said.counted) return' 'if (false) return'
mutate "codes have a longest" $verification 'if (answer.size() > longest_answer)' 'if (false)'
mutate "bindings have a longest" decision/challenge.hpp \
  'if (value.empty() || value.size() > longest_bound)' 'if (value.empty())'
mutate "bindings have a longest where a code is sent again" verbs/resend.hpp \
  'if (options.binding) decision::check_bound("ResendOptions", "binding", *options.binding);' ''
mutate "storages are asked for ids alone where a code is sent again" verbs/resend.hpp \
  'if (!detail::is_id(challenge_id, detail::challenge_id_prefix)) decision::throw_not_found("challenge");' ''
mutate "user ids have a longest" verbs/run.hpp 'detail::check_text(what, user_id.text(), storage::longest_user_id);' ''
mutate "foreign challenges are not found" $verification \
  '|| !of_the_user' ''
mutate "foreign factors are not found" verbs/run.hpp \
  '|| !whose.include(found.answer->user_id)' ''
mutate "unknown ids cost the same reads" verbs/find_challenge.hpp \
  'auto factor = co_await run.find_factor_if_any(challenge ? std::string_view(challenge->factor_id)
    : decoy_factor_id);' \
  'if (!challenge) co_return std::nullopt; auto factor = co_await run.find_factor_if_any(challenge->factor_id);'
mutate "expired stays expired" $verification 'end_challenge(challenge, ChallengeState::expired);' ''
mutate "a clock that goes back shortens no delay" decision/lockout.hpp \
  'if (until <= now) return {};' 'if (until <= now || *factor.last_failure_at > now) return {};'
mutate "unverified factors sign nobody in" decision/challenge.hpp \
  'if (request.purpose != Purpose::confirm_enrollment && !verified &&' 'if (false &&'
mutate "assurance at the challenge" decision/challenge.hpp 'if (!factor::facts_of(factor.type).best_assurance.meets(request.required))' 'if (false)'
mutate "assurance at the verification" $verification \
  'if (!factor::facts_of(factor.type).best_assurance.meets(terms.required)) return {.status = Status::insufficient_assurance};' ''

tests=tests/rules/security_rules_other_factors.cpp
recovery_codes=factor/recovery_codes.hpp
mutate "recovery codes: length" $recovery_codes 'std::size_t size = 12;' 'std::size_t size = 8;'
mutate "recovery codes: random" $recovery_codes 'crypto::random_bytes_for(purpose, bytes);' ''
mutate "recovery codes: single use" $recovery_codes 'match->used = true;' ''
mutate "recovery codes: hashed" $recovery_codes 'codes.push_back({mac_of(code, key)});' \
  'codes.push_back({mac_of(code, key) + code});'
mutate "recovery codes: bound to the factor" factor/sealed_secret.hpp \
  '.append(record.id) .append("\nof ")' '.append("\nof ")'
mutate "recovery codes: regeneration" $recovery_codes 'return draw_set(record, decode(record).codes.size(), context);' \
  'auto old = record; auto shown = draw_set(old, decode(record).codes.size(), context); return shown;'
mutate "recovery codes: foreign factors" verbs/recovery_codes.hpp \
  'co_await run.find_factor(factor_id, whose);' 'co_await run.find_factor(factor_id, any_user);'
mutate "recovery codes: warning" $recovery_codes 'answered.events.push_back(EventType::recovery_codes_low);' ''
mutate "delivered codes: random" factor/sent_code.hpp \
  'crypto::random_digits(options.digits, code_purpose(record.type, challenge))' \
  'std::string(options.digits, char(49))'
mutate "delivered codes: lifetime" factor/sent_code.hpp 'challenge.expires_at = context.now + lifetime;' ''
mutate "delivered codes: limits" factor/generic_otp.hpp 'if (count.wait)' 'if (false)'
mutate "delivered codes: supersession" factor/sent_code.hpp \
  'return sent_to(record).current_challenge_id == challenge.id;' 'return !challenge.id.empty();'
mutate "hotp: counter goes on" factor/hotp.hpp 'parameters.next = *match.fresh + 1;' ''
mutate "hotp: counter goes on after two codes" factor/hotp.hpp 'parameters.next = *found + 2;' 'parameters.next = *found;'
mutate "hotp: look-ahead" factor/hotp.hpp 'next + context.options.hotp_look_ahead' 'next + context.options.hotp_look_ahead + 1'
mutate "hotp: window of two codes" factor/hotp.hpp 'next + context.options.hotp_resynchronization_window' \
  'next + context.options.hotp_resynchronization_window + 1'
mutate "hotp: both codes" otp/hotp.hpp 'before & crypto::equal_mask(following, next_value)' 'before'

tests=tests/rules/wrong_clocks.cpp
mutate "a clock that was ahead makes no longer wait" decision/lockout.hpp \
  'std::min(*factor.last_failure_at, latest_failure(delay, now, options)) + delay' '*factor.last_failure_at + delay'
mutate "a bounded wait counts down" decision/lockout.hpp 'factor.last_failure_at = latest;' ''
mutate "a send dated ahead counts from now" factor/send_limits.hpp 'std::min(sent, context.now)' 'sent'
mutate "a bounded wait to send counts down" factor/send_limits.hpp '.changed = ahead' '.changed = false'
mutate "a bounded wait after too many guesses counts down" verbs/challenge.hpp \
  'if (!batch.counters.empty()) (void)co_await run.commit(batch);' ''
mutate "what a clock ahead made does not live on" factor/lifetime.hpp \
  'return from > now && from - now > until - from;' 'return false;'
mutate "a device seen expired is forgotten" verbs/device_records.hpp \
  'if (co_await run.commit(batch)) co_return std::nullopt;' 'co_return std::nullopt;'
mutate "a device that a clock ahead wore out is forgiven" verbs/device_records.hpp \
  'return factor::is_over(stored.wrong_codes_since, stored.wrong_codes_since + std::chrono::hours(24), now);' \
  'return stored.wrong_codes_since <= now - std::chrono::hours(24);'
mutate "a device that a clock ahead wore out begins anew" verbs/device_records.hpp 'found->wrong_codes = 0;' ''
mutate "unlocking frees no step that a right clock has reached" factor/totp.hpp \
  'step + ahead + context.options.totp_drift_steps + 1);' 'step);'

tests=tests/rules/drifting_tokens.cpp
mutate "drift: off unless asked for" factor/totp.hpp \
  '= context.options.totp_learned_drift_steps; const TypedCode' \
  '= std::max(20U, context.options.totp_learned_drift_steps); const TypedCode'
mutate "drift: learnt" factor/totp.hpp 'if (furthest > 0) parameters.drift =' 'if (false) parameters.drift ='
mutate "drift: as far as the host says" factor/totp.hpp \
  'static_cast<std::int64_t>(step), -furthest, furthest);' 'static_cast<std::int64_t>(step), -furthest - 9, furthest + 9);'
mutate "drift: bounded when it is used" factor/totp.hpp 'std::clamp(parameters.drift, -furthest, furthest)' \
  'parameters.drift'
mutate "drift: the window is as wide as ever" factor/totp.hpp 'shifted(centre, -around)' \
  'std::min(shifted(centre, -around), shifted(step, -around))'
mutate "drift: two codes of used steps" factor/totp.hpp 'std::max(parameters.next, shifted(step, -furthest))' \
  'shifted(step, -furthest)'
mutate "drift: two codes of long ago" factor/totp.hpp 'shifted(step, -furthest));' 'shifted(step, -furthest - 1));'
mutate "drift: two codes of a time to come" factor/totp.hpp 'shifted(step, furthest - 1)' 'shifted(step, furthest)'
mutate "drift: both steps are used" factor/totp.hpp 'found = *found + 1; } else' '} else'
mutate "drift: told" factor/totp.hpp 'if (pair) valid.events' 'if (false) valid.events'
mutate "unlocking frees no step of a token that is ahead" factor/totp.hpp 'step + ahead + context' 'step + context'
tests=tests/rules/clock_skew.cpp
mutate "hint: only where it is asked for" factor/totp.hpp 'if (!context.hints_clock_skew) return {};' ''
mutate "hint: an hour" factor/totp.hpp 'return std::chrono::hours(1) / parameters.period;' \
  'return std::chrono::hours(1) / parameters.period + 1;'
mutate "hint: what was told is kept" factor/totp.hpp \
  'if (!is_hinted(parameters, *found)) parameters.hinted.push_back(*found);' ''
mutate "hint: what was told is not accepted" factor/totp.hpp \
  'if (is_hinted(parameters, *found)) return {.status = Status::code_already_used}; parameters.next' 'parameters.next'
mutate "hint: what was told is no half of two codes" factor/totp.hpp \
  'if (is_hinted(parameters, *found)) return {.status = Status::code_already_used}; found' 'found'
mutate "hint: five of them" factor/totp.hpp 'if (parameters.hinted.size() >= most_hints) return {};' ''
mutate "hint: a clock that goes back" factor/totp.hpp \
  '{ return hinted < oldest; });' '{ return hinted < oldest || hinted < step; });'
mutate "hint: nothing of used steps" factor/totp.hpp \
  'static_cast<std::uint64_t>(reach(parameters)), parameters.next,' 'static_cast<std::uint64_t>(reach(parameters)), 0,'
mutate "hint: what was told outlasts the factor" factor/authenticator.hpp '.hinted = std::move(parameters.hinted)' ''
mutate "hint: though nothing was accepted" factor/authenticator.hpp \
  'if (!used && parameters.hinted.empty()) return std::nullopt;' 'if (!used) return std::nullopt;'
mutate "hint: more of them than are kept" factor/authenticator.hpp \
  'parameters.hinted.push_back(step); else parameters.next = std::max(parameters.next, step + 1);' \
  'parameters.hinted.push_back(step);'
mutate "hint: counted" factor/totp.hpp 'return {.clock_skew = off' 'return {.counted = false, .clock_skew = off'
tests=tests/rules/duplicate_secrets.cpp
mutate "secrets: no two of a user" factor/authenticator.hpp 'check_is_new(account.secret, user, context);' ''
mutate "secrets: whatever the kind" factor/authenticator.hpp 'if (!is_authenticator(other.type) ||' \
  'if (other.type != FactorType::totp ||'
mutate "secrets: ended enrolments do not count" factor/authenticator.hpp \
  '|| (!verified && mfa::detail::contains(user.ended, other.id))' ''
mutate "secrets: what a sign-in verified counts for ever" factor/authenticator.hpp '(!verified && mfa' '(mfa'
mutate "secrets: what a factor used is kept" verbs/delete_factor.hpp \
  'decision::keep_used_secret(user, factor, context);' ''
mutate "secrets: a new factor goes on from there" factor/authenticator.hpp \
  'parameters.next = std::max(parameters.next, used.next);' ''
mutate "secrets: an imported one too" verbs/import.hpp \
  'factor::resume(account.secret, used->second, record, context);' ';'
mutate "secrets: under each key" crypto/key_ring.hpp \
  'for (std::size_t i = 1; i < keys_.size(); ++i) stored.push_back(authenticate(&keys_[i], value, context));' ''
mutate "secrets: tied to the user" factor/authenticator.hpp '.append(" of ") .append(record.user_id)' ''
mutate "secrets: a user's record outlasts its codes" decision/user_record.hpp 'last = std::max(last, used.until);' ''
mutate "secrets: those of which nothing was accepted go first" decision/user_record.hpp \
  'std::pair(other.next != 0, other.until)' 'other.until'
mutate "secrets: counters for a year" factor/authenticator.hpp 'timed ? margin : 366 * margin' 'margin'
mutate "secrets: steps of another period are other numbers" factor/authenticator.hpp \
  '.append(std::to_string(period.count()))' ''
mutate "secrets: twenty of them" decision/user_record.hpp \
  'if (user.used_secrets.size() >= factor::most_used_secrets)' 'if (false)'
mutate "secrets: what is over is forgotten" decision/user_record.hpp 'return other.until <= context.now;' 'return false;'
mutate "secrets: the URI says where a counter goes on" factor/authenticator.hpp \
  'if (account.counter) account.counter = authenticator_of(record).next;' ''
tests=tests/rules/model.cpp libraries="$libraries -lsqlite3"
mutate "model: an imported secret goes on from there" verbs/import.hpp \
  'factor::resume(account.secret, used->second, record, context);' ';'
tests=tests/races/every_interleaving.cpp
mutate "races: no verdict before its commit" verbs/verify.hpp 'if (!co_await run.commit(batch)) {' \
  'bool moved = false; try { moved = !co_await run.commit(batch); } catch (...) {}
  if (moved) {'
mutate "races: no verdict whatever the commit answers" verbs/verify.hpp 'if (!co_await run.commit(batch)) {' \
  '(void)co_await run.commit(batch); if (false) {'
mutate "races: read again before trying again" verbs/verify.hpp 'if (!co_await run.commit(batch)) {' \
  'storage::Batch same = batch;
  bool done = co_await run.commit(batch);
  for (int i = 0; !done && i < 4; ++i) {
    for (auto& record : same.factors) ++record.version;
    for (auto& record : same.challenges) ++record.version;
    batch = same;
    done = co_await run.commit(batch);
  }
  if (!done) {'
mutate "races: attempts are in the commit" verbs/verify.hpp \
  'batch.challenges.push_back(std::move(challenge));' ''
mutate "races: failures are in the commit" verbs/verify.hpp \
  'if (verdict.factor_changed) batch.factors.push_back(std::move(factor));' ''
mutate "races: claims are in the commit" verbs/verify.hpp \
  'for (const std::string& id : verdict.claims) batch.counters.push_back(claim(id, factor));' ''
mutate "races: claims go with their factor" verbs/delete_factor.hpp \
  'batch.removals.insert(batch.removals.end(), claims.begin(), claims.end());' ''
mutate "races: the count of codes is in the commit" verbs/challenge.hpp \
  'for (storage::CounterRecord& counter : counters.records) batch.counters.push_back(std::move(counter)); batch.challenges' 'batch.challenges'
mutate "races: no message before its commit" verbs/challenge.hpp 'if (!co_await run.commit(batch)) continue;
    run.emit(event);
    const OutgoingMessage message = created.delivery.message();' \
  'const OutgoingMessage message = created.delivery.message(); if (message) (void)co_await send(run, message, event, counted, Withdrawal{event.challenge_id}, created.further);
    if (!co_await run.commit(batch)) continue;'
mutate "races: no challenge without its message" verbs/delivery.hpp \
  'return withdraw(run, challenge_id);' 'co_return true;'
mutate "races: regeneration ends the old codes" verbs/recovery_codes.hpp \
  'Kind::Shown shown = Kind::regenerate(factor, context);' \
  'auto old = factor; Kind::Shown shown = Kind::regenerate(old, context);'
mutate "races: resealing overwrites nothing" verbs/rotation.hpp \
  'if (!found || !reseal(run, *found)) co_return false;' \
  'if (!found) co_return false; const auto version = found->version; found = factor; found->version = version;'
mutate "races: a list of devices is the one that was read" verbs/devices.hpp \
  'storage::Batch batch = keep_devices(devices, std::move(record), now);' \
  'storage::CounterRecord latest; (void)co_await find_all_devices(run, user_id, latest);
  storage::Batch batch = keep_devices(devices, std::move(latest), now);'
mutate "races: versions of a list of devices do not begin anew" verbs/device_records.hpp \
  'encode_devices(devices, record, now);
  storage::Batch batch;
  batch.counters.push_back(std::move(record));' \
  'storage::Batch batch;
  if (devices.empty()) {
    batch.removals.push_back({storage::RecordKind::counter, record.id, record.version});
    return batch;
  }
  encode_devices(devices, record, now);
  batch.counters.push_back(std::move(record));'
mutate "races: the list of devices is read before what vouches for one" verbs/devices.hpp \
  'std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);
    const auto vouching = co_await authorize(run, authorization, user_id, context);' \
  'const auto vouching = co_await authorize(run, authorization, user_id, context);
    std::vector<StoredDevice> devices = co_await find_all_devices(run, user_id, record);'
mutate "races: the list of devices is committed with each deletion" verbs/delete_factor.hpp \
  'batch.counters.push_back(std::move(device_record));' \
  'if (!ended.empty()) batch.counters.push_back(std::move(device_record));'
mutate "races: what bounds a user is committed with each deletion" verbs/delete_factor.hpp \
  'batch.counters.push_back(found.changed(context.now));' ''
mutate "races: what bounds a user is read before what is left of his factors" verbs/delete_factor.hpp \
  'if (options.refuse_last && is_verified(factor)) check_is_not_last(factor, others);' \
  'if (options.refuse_last && is_verified(factor)) check_is_not_last(factor, others);
  found = co_await find_user(run, factor.user_id, factor.id);'
mutate "races: what bounds a user is committed with a reset" verbs/reset_user.hpp \
  'batch.counters.push_back(found.changed(context.now));' ''
mutate "races: what bounds a user is read before the factors that a reset ends" verbs/reset_user.hpp \
  'if (keeps) check_kept(factors, options.keep_factor);' \
  'found = co_await find_user(run, user_id, std::string_view());
  if (keeps) check_kept(factors, options.keep_factor);'
mutate "races: the list of devices is committed with each reset" verbs/reset_user.hpp \
  'batch.counters.push_back(std::move(recorded.device_record));' \
  'if (done.devices > 0) batch.counters.push_back(std::move(recorded.device_record));'
mutate "races: a reset ends the challenges of the factor that stays" verbs/reset_user.hpp \
  'if (keeps)
      co_await end_challenges_of(' 'if (false)
      co_await end_challenges_of('
mutate "races: a renaming overwrites nothing" verbs/rename_factor.hpp \
  'if (!co_await run.commit(batch)) continue;' \
  'if (!co_await run.commit(batch)) {
      const storage::FactorRecord latest = co_await run.find_factor(factor_id, whose);
      factor.version = latest.version;
      batch.factors.assign(1, factor);
      if (!co_await run.commit(batch)) continue;
    }'
mutate "races: what bounds a user is committed with a confirmation" verbs/verify.hpp \
  'batch.counters.push_back(co_await end_enrollment(run, factor, context));' \
  '(void)co_await end_enrollment(run, factor, context);'
mutate "races: what bounds a user is committed with an enrolment" verbs/enroll.hpp \
  'batch.counters.push_back(enrolling.found.changed(context.now));' ''
mutate "races: what bounds a user is committed with a wrong code" verbs/verify.hpp \
  'last = decision::count_wrong_code(found.user, context); batch.counters.push_back(found.changed(context.now));' \
  'last = decision::count_wrong_code(found.user, context);'
mutate "races: an unlock forgets the failures" verbs/unlock.hpp 'decision::forget_failures(factor);' ''
mutate "races: an unlock overwrites nothing" verbs/unlock.hpp 'if (!co_await run.commit(batch)) continue;
    run.emit(EventType::factor_unlocked, context.now, factor);' \
  'if (!co_await run.commit(batch)) {
      const auto latest = co_await run.find_factor(factor_id, whose);
      factor.version = latest.version;
      batch.factors.assign(1, factor);
      if (!co_await run.commit(batch)) continue;
    }
    run.emit(EventType::factor_unlocked, context.now, factor);'

tests=tests/rules/trusted_devices.cpp
mutate "trusted devices: lifetime" factor/lifetime.hpp 'if (until <= now) return true;' 'if (until < now) return true;'
mutate "trusted devices: HMAC of the secret" verbs/device_records.hpp \
  '&& keys.matches(found->mac, token.secret(), device_context(found->device, user_id), token.id())' ''
mutate "trusted devices: HMAC bound to the label" verbs/device_records.hpp "'\\n' + device.label + '\\n'" "'\\n'"
mutate "trusted devices: bounded" verbs/devices.hpp 'devices.erase(devices.begin());' ''

tests=tests/rules/codes_from_trusted_devices.cpp
mutate "devices: an enrolment is confirmed as from anywhere" verbs/challenge.hpp \
  'if (options.purpose != Purpose::confirm_enrollment) device_id' 'device_id'
mutate "devices: a code of one that was revoked counts for the factor" verbs/verify.hpp \
  'decision::count_on_factor(verdict, factor, context);' ''
mutate "devices: what such a code locks is said" verbs/verify.hpp \
  '&& !verdict.on_factor' ''
mutate "devices: a lock is told once" $verification '&& !was_locked' ''
mutate "devices: the day of wrong codes begins with the first" verbs/device_records.hpp \
  '++found->wrong_codes;' '++found->wrong_codes; found->wrong_codes_since = now;'
mutate "devices: the last wrong code ends the challenge" verbs/device_records.hpp 'last = is_worn_out(*found, now);' ''
mutate "devices: a lock holds what one asked for that is trusted no more" verbs/verify.hpp \
  'trust = decision::DeviceTrust::ended;' ';'
mutate "devices: a lock holds what one asked for that is worn out" verbs/device_records.hpp \
  '&& !is_worn_out(*found, now);' ';'
mutate "devices: such a lock is said" verbs/verify.hpp '&& trust == decision::DeviceTrust::stands;' ';'
mutate "what is counted beside a damaged record is told" verbs/verify.hpp \
  'if (run.observed()) emit(run, verdict, verification, user_id, context.now);
    if (broken) std::rethrow_exception(broken);' \
  'if (broken) std::rethrow_exception(broken);
    if (run.observed()) emit(run, verdict, verification, user_id, context.now);'

tests=tests/rules/bounds_of_a_user.cpp
bounds=decision/user_record.hpp
mutate "bounds: open challenges" $bounds \
  'while (open() >= most)' 'while (false)'
mutate "bounds: the open challenges of devices are their own" $bounds \
  'if (open->device_id == device_id && (chosen' 'if ((chosen'
mutate "bounds: unverified factors" $bounds \
  'while (user.enrollments.size() >= context.options.unverified_factors_a_user)' 'while (false)'
mutate "bounds: the time to confirm" $bounds 'if (enrollment != nullptr && is_over(*enrollment, now))' 'if (false)'
mutate "bounds: sends" verbs/challenge.hpp \
  'if (factor::facts_of(factor.type).sends_codes) refusal = decision::count_send(found.user, factor, context);' ''
mutate "bounds: text messages to whom enrols leave half" factor/sms_budgets.hpp \
  'return purpose == SmsPurpose::enrollment ? of_enrollments(limits) : limits;' 'return limits;'
mutate "bounds: codes to whom enrols leave half" factor/send_limits.hpp \
  'return factor.state == FactorState::verified ? limits : of_enrollments(limits);' 'return limits;'
mutate "bounds: codes are counted by the address" factor/generic_otp.hpp \
  'return {send_counter_ids(prefix, crypto::text_of(address), context.keys)};' ''
mutate "bounds: wrong codes" $bounds 'if (user.wrong_codes.size() < most) return std::nullopt;' \
  'return std::nullopt;'
mutate "bounds: the last wrong code ends the challenge" verbs/verify.hpp 'if (last) decision::exhaust(challenge);' ''
mutate "bounds: wrong codes at an enrolment of a verified factor" verbs/verify.hpp \
  'terms.purpose == Purpose::confirm_enrollment && !is_verified(factor);' 'terms.purpose == Purpose::confirm_enrollment;'
mutate "bounds: exhausted challenges make room" verbs/user_record.hpp '&& which == MakesRoom::open_and_exhausted' '&& false'
mutate "bounds: exhausted challenges are not kept for long" $verification \
  'challenge.purge_at = std::min(challenge.purge_at, over_at);' ''
mutate "bounds: challenges end" decision/challenge.hpp \
  'challenge.expires_at = created_at + options.challenge_lifetime;' ''
mutate "bounds: what is beyond guessing is not locked" factor/recovery_codes.hpp 'BeyondGuessing,' 'Guessable,'

tests=tests/sms/budgets.cpp budgets=factor/sms_budgets.hpp
mutate "budgets: an hour" $budgets 'if (allowance.an_hour > 0)' 'if (false)'
mutate "budgets: a day" $budgets 'if (allowance.a_day > 0)' 'if (false)'
mutate "budgets: neighbours" $budgets 'e164.size() - std::min(e164.size(), last)' 'e164.size()'
mutate "budgets: of one country" $budgets 'if (own.country == country) {' 'if (false) {'
mutate "budgets: of everything" $budgets '{&of_prefix, &of_country, &of_all}' '{&of_prefix, &of_country}'
mutate "budgets: of a country" $budgets '{&of_prefix, &of_country, &of_all}' '{&of_prefix, &of_all}'
mutate "budgets: of a prefix" $budgets '{&of_prefix, &of_country, &of_all}' '{&of_country, &of_all}'
mutate "budgets: unanswered codes" $budgets 'if (found || allowance.unanswered == 0) return found;' 'return found;'
mutate "budgets: an answer answers for one" $budgets 'sent < allowance.unanswered + 2 * answered' \
  'sent < allowance.unanswered + 1000 * answered'
mutate "budgets: answers count" $budgets '++each->answered[i]; encode_sms_counts(counts, counter);' ';'
mutate "budgets: sign-ins are refused by their prefix alone" $budgets \
  'of_country.unanswered = of_all.unanswered = 0;' ';'
mutate "budgets: enrolments count apart" $budgets 'watched ? purpose : SmsPurpose::sign_in' 'SmsPurpose::sign_in'
mutate "budgets: good standing" $budgets \
  'if (allowances[i].budget == SendLimit::total_budget && exempt) allowances[i].unanswered = 0;' ''
mutate "budgets: good standing takes answers" $budgets 'answered >= enough &&' ''
mutate "budgets: good standing takes half of them" $budgets '&& 2 * answered >= sent' ''
mutate "budgets: a refusal counts nothing" $budgets 'storage::CounterRecord own = counters.front();' \
  'storage::CounterRecord& own = counters.front();'
mutate "budgets: shares" $budgets '*limit /= whole.shards;' ';'
mutate "budgets: clocks that were ahead" factor/sms_counts.hpp 'each.since = std::min(each.since, current);' ''
mutate "budgets: a bounded wait counts down" $budgets \
  'if (hour_ahead || day_ahead) encode_sms_counts(counts, counters[i + 1]);' ''
mutate "budgets: what is over is forgotten" factor/sms_counts.hpp \
  'if (Time((each.since + 1) * width) + window <= now) continue;' ''
mutate "budgets: what never left is given back" verbs/delivery.hpp 'co_await give_back(run, counted);' ''
mutate "budgets: what is sent again is counted" verbs/resend.hpp \
  'for (storage::CounterRecord& counter : counters.records) batch.counters.push_back(std::move(counter));' ''
mutate "budgets: denied countries" factor/sms.hpp 'if (sms::matches_country(phone_number, denied))' 'if (false)'
mutate "budgets: a damaged counter is in no right answer's way" verbs/verify.hpp \
  'error.code() != errc::seal_broken && error.code() != errc::unknown_key &&' 'error.code() != errc::unknown_key &&'
tests=tests/verbs/failed_deliveries.cpp
mutate "budgets: a report ends no challenge that was sent again" verbs/report_delivery.hpp \
  'message.number == kept.sends && (' '('
mutate "budgets: a report ends none whose code may have arrived" verbs/report_delivery.hpp \
  '(kept.sends == 1 || kept.sealed.empty())' 'true'
mutate "budgets: a report gives back what never left" verbs/report_delivery.hpp \
  'factor::uncount_message(*counter, terms.credit, challenge.updated_at);' ''
mutate "budgets: what has cost is not given back" verbs/report_delivery.hpp \
  'report == DeliveryReport::not_sent && factor.type' 'factor.type'

tests=tests/storage/damaged_records.cpp
mutate "records: times" verbs/checked_records.hpp 'return Time{} <= time && time < end_of_times;' 'return true;'
mutate "records: states of challenges" verbs/checked_records.hpp 'challenge.state > ChallengeState::exhausted ||' ''
mutate "records: the one asked for" verbs/checked_records.hpp 'if (record.id != id)' 'if (false)'
mutate "records: the user's own" verbs/checked_records.hpp 'if (factor.user_id != user_id)' 'if (false)'
tests=tests/storage/record_fields.cpp
mutate "records: nothing beyond their end" encoding/fields.hpp 'size > rest_.size()' 'size > rest_.size() + 1'

tests=tests/crypto/no_secret_left_in_memory.cpp
mutate "texts are wiped" crypto/secret_string.hpp 'OPENSSL_cleanse(text.data(), text.size());' ''
mutate "a text that moves is wiped" crypto/secret_string.hpp \
  'SecretString(SecretString&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }' \
  'SecretString(SecretString&& other) noexcept : text_(std::move(other.text_)) {}'
mutate "a text that grows is wiped" crypto/secret_string.hpp 'larger.append(text_).append(text);
      text_.swap(larger);
      wipe(larger);' 'larger.append(text_).append(text); text_.swap(larger);'
mutate "bytes are wiped" crypto/secret_bytes.hpp 'OPENSSL_cleanse(memory, count * sizeof(T));' ''
mutate "the image's memory is wiped" qr/png.hpp 'OPENSSL_cleanse(memory, before + size);' ''
tests=tests/crypto/cloned_machine.cpp
mutate "cloned machines: nonces" crypto/sealed_box.hpp 'random_bytes_for(text_of(purpose), {nonce, nonce_size});' \
  'random_bytes({nonce, nonce_size});'
mutate "cloned machines: codes" crypto/random.hpp 'random_bytes_for(purpose, bytes);' 'random_bytes(bytes);'
mutate "cloned machines: secrets" factor/purpose.hpp \
  'std::string_view(factor.id), std::string_view(factor.user_id), detail' 'std::string_view(factor.id)'

tests=tests/crypto/key_sources.cpp
mutate "key files: owner" crypto/guarded_file.hpp \
  'status.st_uid != ::geteuid() && status.st_uid != 0 && !options.accept_another_owner' 'options.accept_another_owner && false'
mutate "key files: regular files" crypto/guarded_file.hpp 'if (!S_ISREG(status.st_mode))' 'if (false)'
mutate "key files: no waiting for a FIFO" crypto/guarded_file.hpp '| O_NONBLOCK' ''
mutate "keys: no placeholder" crypto/key_ring.hpp 'return halves_differ != 0 && steps_differ != 0;' 'return halves_differ + steps_differ >= 0;'

tests=tests/storage/sqlite/sqlite_storage.cpp libraries="$libraries -lsqlite3"
mutate "sqlite: private file" storage/sqlite.hpp 'O_CLOEXEC, S_IRUSR | S_IWUSR' 'O_CLOEXEC, 0644'
mutate "sqlite: no file through a link" storage/sqlite.hpp \
  'if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))' 'if (false)'
mutate "sqlite: no URI" storage/sqlite.hpp 'path.starts_with("file:")' 'path.starts_with("file:///")'
mutate "sqlite: not everybody's file" storage/sqlite.hpp '(status.st_mode & S_IWOTH) != 0 && !options' 'false && !options'
tests=tests/storage/sealed_records.cpp
sealed=verbs/sealed_records.hpp
mutate "seals: looked at" $sealed \
  'if (stamp.empty() || !keys.matches_stamp(stamp, stamped(record, content).view(), {name_of(record), record.id}))' \
  'if (stamp.empty())'
for field in 'enumerator(factor.type)' 'enumerator(factor.state)' 'text(factor.user_id)' \
  'time(factor.created_at)' 'optional_time(factor.last_used_at)' 'number(factor.failures)' \
  'optional_time(factor.last_failure_at)' 'text(factor.parameters)' 'text(without_prefix(challenge.factor_id))' \
  'enumerator(challenge.state)' 'time(challenge.created_at)' 'time(challenge.updated_at)' \
  'optional_time(challenge.expires_at)' 'number(challenge.attempts_left)' 'text(challenge.binding)'; do
  mutate "seals: over $field" $sealed ".$field" ''
done
mutate "seals: a record without one is refused" $sealed \
  'if (unsealed != UnsealedRecords::accept) throw' 'if (false) throw'
mutate "seals: a counter without one says nothing" $sealed \
  'if (!sealed && unsealed != UnsealedRecords::accept) return counter.data.clear();' ''
mutate "seals: a counter under a retired key says nothing" $sealed \
  'if (error.code() != errc::unknown_key) throw;' 'throw;'
mutate "seals: reseal_all moves them" verbs/rotation.hpp 'return !stamped_now;' 'return false;'
mutate "seals: count_keys counts them" verbs/rotation.hpp \
  'if (stamp_key && secret_key && *stamp_key != *secret_key) count_key(stamp_key, counts);' ''

tests=tests/verbs/key_rotation.cpp
mutate "rotation: what bounds a user is kept" verbs/rotation.hpp \
  'counters.try_emplace(decision::user_record_id(factor.user_id, factor.id));' ''
mutate "rotation: of an unverified factor too" verbs/rotation.hpp \
  'counters.try_emplace(decision::user_record_id(factor.user_id, factor.id));' \
  'if (is_verified(factor)) counters.try_emplace(decision::user_record_id(factor.user_id, factor.id));'
mutate "rotation: trusted devices outlive an epoch" verbs/rotation.hpp \
  'if (!factor.user_id.empty()) counters.try_emplace(devices_record_id(factor.user_id));' ''
mutate "rotation: a factor that is damaged meanwhile does not end the run" verbs/rotation.hpp \
  'if (co_await reseal_changed(run, factor)) ++progress.resealed; } catch (const Error& error) { count_unreadable(error, progress); }' \
  'if (co_await reseal_changed(run, factor)) ++progress.resealed; } catch (const Error&) { throw; }'
mutate "rotation: a device of a key that is gone is none" verbs/device_records.hpp \
  'return !run.keys().holds_key_of(stored.mac);' 'return false;'
tests=tests/verbs/compared_options.cpp
mutate "rotation: the options that hold are kept" verbs/rotation.hpp \
  'co_await reseal_counters(run, of_no_factor, progress);' ''

tests=tests/rules/purposes.cpp
mutate "purposes: another is refused" $verification 'terms.purpose == request.purpose && (terms' '(terms'
mutate "purposes: an action in other words is refused" $verification \
  'context.keys.matches(terms.action, request.action, action_context(challenge), name)' 'true'
mutate "purposes: an action is stored as an HMAC" decision/challenge.hpp \
  'terms.action = keys.authenticate(request.action, action_context(challenge));' \
  'terms.action = request.action;'
mutate "purposes: an action is said" decision/challenge.hpp \
  'if (said.purpose == Purpose::action) return check_bound(name, "action", said.action);' ''
mutate "purposes: verifying confirms nothing" verbs/verify.hpp \
  'if (options.purpose == Purpose::confirm_enrollment) throw' 'if (false) throw'
mutate "purposes: what signs in is not asked to be confirmed" verbs/challenge.hpp \
  'if (options.purpose == Purpose::confirm_enrollment) throw' 'if (false) throw'
mutate "purposes: what is verified is confirmed no more" decision/challenge.hpp \
  'if (request.purpose == Purpose::confirm_enrollment && verified)' 'if (false)'
tests=tests/rules/authorizations.cpp
mutate "changes: a further factor is allowed by one that stands" verbs/enroll.hpp \
  'if (enrolling.authorized || !is_first) (void)co_await authorize(run, authorization, user_id, enrolling.found.user, context);' ''
mutate "changes: codes that nobody has to show are allowed" verbs/enroll.hpp \
  'if (is_verified(record) && !enrolling.authorized)' 'if (false)'
mutate "changes: deleting is allowed" verbs/delete_factor.hpp \
  'if (is_verified(factor)) (void)co_await authorize(run, authorization, factor.user_id, found.user, context);' ''
mutate "changes: regenerating is allowed" verbs/recovery_codes.hpp \
  'co_await authorize(run, authorization, factor.user_id, context, batch);' ''
mutate "changes: allowed until they are committed" verbs/authorize.hpp \
  'if (asks) batch.counters.push_back(found.changed(context.now));' ''
mutate "changes: remembering is allowed" verbs/devices.hpp \
  'const auto vouching = co_await authorize(run, authorization, user_id, context);' \
  'const std::optional<std::string> vouching = authorization.challenge_id();'
mutate "changes: unlocking is allowed" verbs/unlock.hpp \
  'co_await authorize(run, authorization, factor.user_id, context, batch);' ''
mutate "changes: allowed by what was shown" verbs/authorize.hpp 'challenge.state == ChallengeState::verified && found' 'found'
mutate "changes: allowed by the user himself" verbs/authorize.hpp 'found.factor->user_id == user_id &&' ''
mutate "changes: not by nobody's factor" verbs/authorize.hpp '!user_id.empty() &&' ''
mutate "changes: not by the verification of an action" verbs/authorize.hpp \
  'terms.purpose != Purpose::action &&' ''
mutate "changes: not by an old verification" verbs/authorize.hpp \
  'is_fresh(challenge.updated_at, context.options.authorization_lifetime, context.now)' 'true'
mutate "changes: not by what was shown before the password changed" verbs/authorize.hpp \
  'terms.generation == generation &&' ''
mutate "changes: by what is shown after it" decision/challenge.hpp 'terms.generation = generation;' ''
mutate "changes: a generation is none of before" decision/user_record.hpp \
  'user.generation = std::max(user.generation + 1, static_cast<std::uint64_t>(now.time_since_epoch().count()));' \
  '++user.generation; (void)now;'
mutate "changes: not by what was confirmed after it" decision/user_record.hpp \
  'for (UserRecord::Enrollment& enrollment : user.enrollments) enrollment.authorized = false;' ''
mutate "changes: a changed password writes the list of devices" verbs/devices.hpp \
  'std::nullopt, std::string_view(), known);' 'std::nullopt, std::string_view());'
mutate "changes: a changed password leaves nothing of who has nothing" verbs/devices.hpp \
  'if (found.record.version == 0) co_return false;' ''
mutate "changes: a changed password ends devices though the user's record is damaged" verbs/devices.hpp \
  'broken = std::current_exception();' 'throw;'
mutate "changes: a changed password tells of a damaged record" verbs/devices.hpp \
  'if (broken) std::rethrow_exception(broken);' ''
mutate "changes: a generation stays for as long as anything before it could count" decision/user_record.hpp \
  'user.generation == 0 ? 24 : 48' '24'
mutate "changes: what was shown is not ended by challenges of others" verbs/user_record.hpp \
  'challenge->state == ChallengeState::pending ||' 'true ||'
mutate "changes: an enrolment that was not confirmed is not forgotten" decision/user_record.hpp \
  'user.enrollments.empty() && user.handle.empty()' 'user.handle.empty()'
mutate "changes: a first factor is confirmed before others" verbs/verify.hpp \
  'if (is_verified(other) && other.id != factor.id)' 'if (false)'

tests=tests/verbs/imported_tokens.cpp
mutate "import: no token after its time" verbs/import.hpp 'if (token.valid_until && now >= *token.valid_until)' 'if (false)'
mutate "import: none before it" verbs/import.hpp 'if (token.valid_from && now < *token.valid_from)' 'if (false)'
mutate "import: a token that its file has no use for" verbs/import.hpp 'entries.front().problem = token.problem;' ''
mutate "import: the drift of before" verbs/import.hpp 'parameters.drift = token.drift;' ''
mutate "import: what is there already" verbs/import.hpp 'if (co_await is_there(record, account.secret, context)) {' \
  'if (false) {'
mutate "import: no secret that nobody has" otp/seed.hpp 'if (secret->empty())' 'if (false)'
mutate "import: hexadecimal is no base32" token_csv.hpp 'if (token.problem.empty() && in_hex(token)) {' 'if (false) {'
mutate "import: serial numbers of a spreadsheet" token_csv.hpp 'if (exponent != std::string_view::npos &&' 'if (false &&'
mutate "import: one column of secrets" token_csv.hpp 'if (column != TokenColumn::ignored &&' 'if (false &&'
mutate "import: no more fields than columns" token_csv.hpp \
  'if (options_.columns.empty() && has_more_than(columns_.size(), *fields))' 'if (false)'
mutate "import: empty fields at the end" token_csv.hpp 'if (!fields[i].view().empty()) return true;' 'return true;'
mutate "import: no text after a quotation mark" token_csv.hpp '!after.empty()) {' 'false) {'
mutate "import: no static passwords" token_csv.hpp '!has(TokenColumn::type) && !has_private_id)' 'false)'
mutate "import: no TOTP with a counter" token_csv.hpp 'if (counter && !type && options_.type == FactorType::totp)' \
  'if (false)'
mutate "import: the counter of HOTP where others have a period" token_csv.hpp \
  'if (!period_or_counter.empty() && counts)' 'if (false)'
mutate "import: the period of TOTP where others have a counter" token_csv.hpp \
  'if (!period_or_counter.empty() && !counts)' 'if (false)'
mutate "import: a period or counter is no second one" token_csv.hpp 'if (has(TokenColumn::period_or_counter) &&' \
  'if (false &&'
mutate "import: hashes by the secret's length" token_csv.hpp 'length = otp::decode_seed(seed, encoding_).size();' ''
mutate "import: hashes by the secret's length where it is said" token_csv.hpp 'if (!options_.hash_by_secret_length)' \
  'if (false)'
mutate "import: a column knows the hash better" token_csv.hpp 'hash ? *hash : hash_for(token.seed)' 'hash_for(token.seed)'
mutate "import: no SHA-1 in place of SHA-224" token_csv.hpp 'if (length == 28 || length == 48)' 'if (false)'
mutate "import: the separator that Excel is told" token_csv.hpp 'lines.skip_separator();' ''
mutate "import: Yubico's own passwords" token_csv.hpp 'if (field.view() != "0") refuse(' 'if (false) refuse('
mutate "import: no drift that is never learnt" verbs/import.hpp 'if (token.drift < -furthest || token.drift > furthest)' 'if (false)'
tests=tests/verbs/import_and_export.cpp before_export="$flags" flags="$flags -DMFA_SOURCE_DIRECTORY=\"$PWD\""
$dry_run || require protobuf-compiler
mutate "import: to be confirmed unless it is said" verbs/import.hpp 'if (options_.verified) record.state' 'record.state'
mutate "import: a dry run writes nothing" verbs/import.hpp \
  'if (!options_.dry_run) records_.push_back(std::move(record));' 'records_.push_back(std::move(record));'
mutate "import: short secrets where it is said" verbs/import.hpp 'options_.accept_short_secrets' 'true'
mutate "import: parts that are missing are told" verbs/import.hpp \
  'if (seen.size() < batch.second) ++summary_.incomplete_exports;' ''
mutate "import: until the host stops it" verbs/import.hpp \
  'if (options_.report && !options_.report(result)) summary_.stopped = true;' \
  'if (options_.report) (void)options_.report(result);'
mutate "import: what another user has is not there" verbs/import.hpp 'crypto::bytes_of(record.user_id), std::span' 'std::span'
mutate "import: what was not confirmed in time is not there" verbs/import.hpp \
  '(is_verified(other) || !detail::contains(ended, other.id))' 'true'
mutate "import: what is of another kind is not there" verbs/import.hpp \
  'message.push_back(static_cast<unsigned char>(record.type));' ''
mutate "import: a dry run tells nobody" verbs/import.hpp 'if (options_.dry_run) co_return;' ''
mutate "import: what was committed is told after the commit" verbs/import.hpp 'co_await commit_records();
      for (const storage::FactorRecord& record : records_)
        run_.emit(EventType::factor_enrolled, record.created_at, record);' 'for (const storage::FactorRecord& record : records_)
        run_.emit(EventType::factor_enrolled, record.created_at, record);
      co_await commit_records();'
mutate "import: no code that Google Authenticator has shown" otp/migration.hpp \
  'counter < otp::highest_first_counter ? counter + 1 : counter' 'counter'
mutate "import: no counter that begins anew after the last" otp/migration.hpp \
  'counter < otp::highest_first_counter ? counter + 1 : counter' 'counter + 1'
flags=$before_export

tests=tests/verbs/imported_recovery_codes.cpp
mutate "import: codes that nobody guesses" factor/recovery_codes.hpp 'if (shortest < least)' 'if (false)'
mutate "import: hexadecimal codes are longer" factor/recovery_codes.hpp \
  'only_hexadecimal ? TypedForeignCode::shortest_hexadecimal' 'only_hexadecimal ? TypedForeignCode::shortest'
mutate "import: codes of digits are longer" factor/recovery_codes.hpp \
  'only_digits ? TypedForeignCode::shortest_of_digits' 'only_digits ? TypedForeignCode::shortest_hexadecimal'
mutate "import: no code of a hash that can be guessed" factor/recovery_codes.hpp \
  'if (typed.too_short()) return Answer::malformed();' ''
mutate "import: codes of hashes are longer if they are digits" factor/recovery_codes.hpp \
  '(only_digits ? shortest_of_digits : shortest)' 'shortest'
mutate "import: other users have sets too" verbs/import.hpp \
  'if (other.type != Kind::type || other.user_id != line.user_id) return;' 'if (other.type != Kind::type) return;'
mutate "import: one set a user" verbs/import.hpp 'if (has_set && !has_these)' 'if (false)'
mutate "import: a set that is there" verbs/import.hpp 'admit(std::move(record), has_these);' \
  'admit(std::move(record), false);'
mutate "import: what cannot be confirmed is taken as verified alone" verbs/import.hpp 'if (!options_.verified)' \
  'if (false)'
mutate "import: hashes of their own size" factor/recovery_codes.hpp \
  'if (!bytes || bytes->size() != crypto::digest_size(request.hash))' 'if (!bytes)'
mutate "import: foreign codes once each" factor/recovery_codes.hpp 'match->used = true;' ''
mutate "import: one set a user in a run" verbs/import.hpp \
  'for (const storage::FactorRecord& other : records_) look_at(other);' ''
mutate "import: one set a user in a dry run" verbs/import.hpp \
  'if (would_be != sets_of_dry_run_.end()) look_at(would_be->second);' ''
mutate "import: codes are somebody's" verbs/import.hpp 'if (line.user_id.empty()) throw' 'if (false) throw'
tests=tests/rules/resend.cpp resend=verbs/resend.hpp
mutate "resend: one code counts" factor/sent_code.hpp 'if (code.empty()) code =' \
  'if (code.empty() && is_stored(challenge)) code = crypto::SecretString("123456"); else if (code.empty()) code ='
mutate "resend: the same code only if it is to be" factor/sent_code.hpp \
  'if (!is_stored(challenge) || !context.options.resend_same_code) return {};' 'if (!is_stored(challenge)) return {};'
mutate "resend: no code is kept unless it is to be" factor/sent_code.hpp 'if (context.options.resend_same_code) sealed =' \
  'sealed ='
mutate "resend: what is kept of a code is sealed" factor/sent_code.hpp \
  'sealed = context.keys.seal(crypto::bytes_of(code), of_code);' \
  'sealed = KeyRing::unsealed().seal(crypto::bytes_of(code), of_code);'
mutate "resend: time does not begin anew" factor/sent_code.hpp 'if (is_stored(challenge)) kept.sends' \
  'challenge.expires_at = context.now + lifetime; if (is_stored(challenge)) kept.sends'
mutate "resend: attempts do not begin anew" decision/resend.hpp 'challenge.updated_at = context.now;' \
  'challenge.updated_at = context.now; challenge.attempts_left = context.options.attempts_a_challenge;'
mutate "resend: counted for the number" $resend \
  'for (storage::CounterRecord& counter : counters.records) batch.counters.push_back(std::move(counter));' ''
mutate "resend: counted for the user" $resend 'co_await count_for_user(run, found_user, factor, context);' ''
mutate "resend: the user's count is in the commit" $resend \
  'batch.counters.push_back(found_user.changed(context.now));' ''
mutate "resend: bound to its session, and the user's" $resend \
  'decision::check_bound_alike(challenge, options.binding, whose.include(factor.user_id), context);' ''
mutate "resend: nothing that is over" decision/resend.hpp 'switch (challenge.state)' 'switch (ChallengeState::pending)'
mutate "resend: nothing whose time is over" $resend 'decision::is_over(challenge, context.now)' 'false'
mutate "resend: what was seen expired stays so" $resend '(void)co_await run.commit(batch); continue;' \
  'throw Error(errc::challenge_over, "over");'
mutate "resend: nothing that was replaced" decision/resend.hpp 'if (!is_current(factor, challenge)) over(' 'if (false) over('
mutate "resend: nothing to a factor that takes no code" $resend \
  'decision::check_challengeable(factor, asked, terms.device_id, context);' ''
mutate "resend: enrolments in time" $resend 'decision::check_in_time(found_user.user, factor, context.now);' ';'
mutate "resend: users who guess" $resend 'co_await check_guesses(run, found_user, context);' ';'
mutate "resend: a message that failed leaves the code before it" $resend \
  'return take_back(run, *this);' 'co_return true;'
mutate "resend: and withdraws nothing" $resend 'return take_back(run, *this);' 'return withdraw(run, after.id);'
mutate "resend: no two messages have one id" factor/sent_code.hpp 'kept.sends = kept_code(challenge).sends;' ''
mutate "resend: the wait is the longer one" verbs/challenge.hpp \
  'std::max(*created.resend_after, decision::wait_for_next(user, context))' '*created.resend_after'
mutate "resend: the wait is part of the answer" factor/send_limits.hpp \
  'return {.next = wait_for_next(sends, limits, context.now), .changed = true};' 'return {.changed = true};'
tests=tests/rules/channels.cpp messages=factor/sms_messages.hpp
mutate "channels: none that is not allowed" $messages 'if (!detail::contains(options.sms_channels, channel))' 'if (false)'
mutate "channels: an enrolment by what shows the phone" $messages \
  'if (request.purpose == Purpose::confirm_enrollment && !reaches_phone_number(channel))' 'if (false)'
mutate "channels: each once" $messages 'if (channels_[before] == channel)' 'if (false)'
mutate "channels: an e-mail has an address" $messages 'if (request.email_address.empty())' 'if (false)'
mutate "channels: a notification has a user" $messages 'if (user_id_.empty())' 'if (false)'
mutate "channels: no link" $messages 'if (mail_->has_link())' 'if (false)'
mutate "channels: what may be on its way is not sent another way" verbs/delivery.hpp \
  'if (!event.cause || delivery_failure(event.cause) == DeliveryFailure::unclear)' 'if (!event.cause)'
mutate "channels: the next one is noted" verbs/delivery.hpp 'decision::go_by(terms, channel, type);' '(void)type;'
mutate "channels: the one by which it went is told" verbs/challenge.hpp \
  'created.challenge.went_by(co_await send(' '(void)(co_await send('
mutate "channels: methods by channel" decision/verification.hpp \
  'terms.channel ? amr_of(*terms.channel) : said.amr' 'said.amr'
mutate "channels: a call that failed is none" $resend 'terms.channel = resent.channel_before;' ''
mutate "channels: again as the last time" $resend \
  'options.channel ? options.channel : decision::channel_of(terms, type)' \
  'options.channel ? options.channel : decision::usual_channel(type)'
mutate "channels: reports on each" verbs/report_delivery.hpp 'id.remove_suffix(name.size() + 1);' ';'
mutate "channels: a report on another ends nothing" verbs/report_delivery.hpp \
  'if (went_by != decision::channel_of(terms, type)) return false;' ''
mutate "channels: reports on those of an SMS factor alone" verbs/report_delivery.hpp \
  'if (message->channel && factor.type != FactorType::sms) co_return false;' ''
mutate "channels: a transport for each" policies.hpp 'if (other_than_sms && !policies.sends_by(channel))' 'if (false)'
mutate "channels: digits apart" voice/spoken_template.hpp 'if (!apart.empty()) apart += ", ";' ''
mutate "channels: no markup in calls" voice/spoken_template.hpp 'if (piece.find_first_of("<>&") !=' 'if (false && piece.find_first_of("<>&") !='

tests=tests/webauthn/imported_credentials.cpp before_credentials="$libraries" libraries="$libraries -lcbor"
mutate "import: a claim for each credential" verbs/import.hpp \
  'for (const std::string& id : factor::claims_of(record)) batch.counters.push_back(claim(id, record));' ''
mutate "import: a claim that is made" verbs/import.hpp 'if (!made) continue;' 'continue;'
mutate "import: a credential twice in one run" verbs/import.hpp \
  'if (const auto taken = claimed_.find(id); taken != claimed_.end()) owner = taken->second;' ''
mutate "import: no credential of another user" verbs/import.hpp 'if (owner && *owner != line.user_id)' 'if (false)'
mutate "import: the user's handle is kept" verbs/import.hpp 'found.user.handle = handles_.at(record.user_id);' \
  'continue;'
mutate "import: a key on its curve" webauthn/relying_party.hpp \
  'if (!CoseKey::parse(crypto::bytes_of(cose))) return std::nullopt;' ''
mutate "import: no PIN that was not shown" factor/webauthn_import.hpp \
  '.user_verification_initialized = request.user_verified};' '.user_verification_initialized = true};'
mutate "import: U2F knows no backup" factor/webauthn_import.hpp \
  'if (request.u2f && (request.backup_eligible || request.user_verified))' 'if (false)'
mutate "import: the counter of before" factor/webauthn_import.hpp '.sign_count = request.sign_count,' ''
mutate "import: the handle that is there stays" verbs/import.hpp 'if (!found.user.handle.empty()) continue;' ''
mutate "import: the handle of credentials that are gone" verbs/import.hpp 'user.handle = found.user.handle;' ''
mutate "import: one handle in a run" verbs/import.hpp 'if (const auto known = handles_.find(record.user_id);
  known != handles_.end()) co_return known->second;' ''
mutate "import: what is registered meanwhile is left out" verbs/import.hpp 'co_await leave_out_what_is_claimed(now);' ''
mutate "import: ids have a longest" factor/webauthn_import.hpp '|| credential_id.size() > longest_id' ''
mutate "import: handles have a longest" factor/webauthn_import.hpp 'if (handle.size() > 64)' 'if (false)'
mutate "import: models of 16 bytes" factor/webauthn_import.hpp 'if (!aaguid.empty() && aaguid.size() != 16)' 'if (false)'
mutate "import: what is backed up may be" factor/webauthn_import.hpp \
  'if (request.backed_up && !request.backup_eligible)' 'if (false)'
mutate "import: transports are words" factor/webauthn_import.hpp 'check_transports(request.transports);' ''
libraries=$before_credentials
tests=tests/pskc/pskc_files.cpp before_pskc="$flags|$libraries"
flags="$flags $(pkg-config --cflags libxml-2.0)" libraries="$libraries -lxml2"
mutate "pskc: a MAC" pskc/decryption.hpp 'if (!crypto::equal(crypto::text_of(given), crypto::text_of(digest.span())))' \
  'if (false)'
mutate "pskc: a MAC must be there" pskc/decryption.hpp 'if (accept_unauthenticated_ && !mac) return;' 'if (!mac) return;'
mutate "pskc: a MAC that is there counts" pskc/decryption.hpp 'if (accept_unauthenticated_ && !mac) return;' \
  'if (accept_unauthenticated_) return;'
mutate "pskc: no secret in the clear where there is a key" pskc/decryption.hpp \
  'if (must_be_encrypted_ && !accept_unauthenticated_)' 'if (false)'
mutate "pskc: a password is a key as well" pskc/decryption.hpp '!key.empty() || !password.empty()' '!key.empty()'
mutate "pskc: no value in the clear and encrypted" pskc/decryption.hpp \
  'if (encrypted && element.child("PlainValue"))' 'if (false)'
mutate "pskc: rounds of a password's key" pskc/decryption.hpp 'whole(*count, most_iterations)' \
  'whole(*count, UINT64_MAX)'
mutate "pskc: no number in two ways" pskc/decryption.hpp 'if (are_digits && may_be_binary)' 'if (false)'
mutate "pskc: no document type" pskc/document.hpp 'if (has_type) refuse(' 'if (false) refuse('
mutate "pskc: no long tag" pskc/document.hpp 'if (at - start > longest_tag) refuse(' 'if (false) refuse('
mutate "pskc: no deep document" pskc/document.hpp 'if (depth > deepest) refuse(' 'if (false) refuse('
mutate "pskc: one element of a name" pskc/document.hpp 'if (found) refuse(' 'if (false) refuse('
mutate "pskc: no digits of a profile" pskc/read_pskc.hpp 'if (key->child("KeyProfileId") &&' 'if (false &&'
mutate "pskc: a profile that needs none" pskc/read_pskc.hpp '!(parameters && parameters->child("ResponseFormat"))' 'true'
mutate "pskc: a suite as an attribute" pskc/read_pskc.hpp 'text.empty() ? attribute : text' 'text'
mutate "pskc: one suite" pskc/read_pskc.hpp 'if (!text.empty() && !attribute.empty()) refuse(' 'if (false) refuse('
mutate "pskc: one suite and one format" pskc/read_pskc.hpp \
  'for (const char* name : {"Suite", "ResponseFormat"}) (void)parameters.child(name);' ''
mutate "pskc: a usage" pskc/read_pskc.hpp 'if (has_usage && !may_make_passwords)' 'if (false)'
mutate "pskc: no policy that is unknown" pskc/read_pskc.hpp \
  'refuse("the token'"'"'s policy has a part that this library does not know");' ''
mutate "pskc: no policy of PINs that is unknown" pskc/read_pskc.hpp 'if (!all_known) refuse(' 'if (false) refuse('
mutate "pskc: no PIN for the server" pskc/read_pskc.hpp 'if (policy.attribute("PINUsageMode") != "Local")' 'if (false)'
mutate "pskc: no count of uses" pskc/read_pskc.hpp '} else if (at->name() == "NumberOfTransactions") {
        refuse(' '} else if (at->name() == "NumberOfTransactions") {
        (void)std::string('
mutate "pskc: the earlier end" pskc/read_pskc.hpp 'std::min(token.valid_until.value_or(until), until)' 'until'
mutate "pskc: no start of its own" pskc/read_pskc.hpp 'if (const auto time = data.child("Time"); time &&' \
  'if (const auto time = data.child("Time"); false &&'
flags=${before_pskc%%|*} libraries=${before_pskc#*|}
tests=tests/rules/deletion.cpp
mutate "deletion: the last is kept" verbs/delete_factor.hpp \
  'if (options.refuse_last && is_verified(factor)) check_is_not_last(factor, others);' ''
mutate "deletion: recovery codes are not another factor" verbs/delete_factor.hpp \
  'return is_verified(factor) && factor.type != FactorType::recovery_codes;' 'return is_verified(factor);'
mutate "deletion: what is not confirmed is not another factor" verbs/delete_factor.hpp \
  'return is_verified(factor) && factor.type != FactorType::recovery_codes;' \
  'return factor.type != FactorType::recovery_codes;'
mutate "deletion: the last set of codes is kept" verbs/delete_factor.hpp \
  'if (leaves_primary || (!is_primary(factor) && detail::any_of(others, is_verified))) return;' \
  'if (leaves_primary || !is_primary(factor)) return;'
mutate "deletion: codes go with the last" verbs/delete_factor.hpp \
  'for (const storage::FactorRecord& other : others) if (is_verified(other)) deleted.push_back(other);' ''
mutate "deletion: codes go with no other" verbs/delete_factor.hpp \
  'is_primary(factor) && !detail::any_of(others, is_primary)) {' 'is_primary(factor)) {'
mutate "deletion: codes do not take others along" verbs/delete_factor.hpp \
  'if (options.take_recovery_codes && is_primary(factor)' 'if (options.take_recovery_codes'
mutate "deletion: the enrolment is forgotten" verbs/delete_factor.hpp \
  'decision::forget_enrollment(user, factor.id);' ''
mutate "deletion: unverified factors are told apart" remaining.hpp 'if (!factor.verified()) {' 'if (false) {'
mutate "deletion: used codes are not left" remaining.hpp \
  'recovery_codes += codes->remaining;' 'recovery_codes += codes->count;'
mutate "deletion: the best is told" remaining.hpp 'rank(factor.best_assurance()) > rank(best)' 'best.factors == 0'
mutate "deletion: devices end with what vouched for them" verbs/delete_factor.hpp \
  'ended = end_trust(devices, deleted, others);' ''
tests=tests/rules/reset_user.cpp
mutate "changes: resetting is allowed" verbs/reset_user.hpp \
  '(void)co_await authorize(run, authorization, user_id, found.user, context);' ''
mutate "reset: damaged records are in no operator's way" verbs/reset_user.hpp \
  'authorization.is_by_operator() && !keeps' 'false'
mutate "reset: damaged records are made anew by operators alone" verbs/reset_user.hpp \
  'authorization.is_by_operator() && !keeps' '!keeps'
mutate "reset: damaged records tell no more what to end of a factor that stays" verbs/reset_user.hpp \
  'authorization.is_by_operator() && !keeps' 'authorization.is_by_operator()'
mutate "reset: damaged records are told" verbs/reset_user.hpp 'event.cause = recorded.broken;' ''
mutate "reset: a storage that fails is no damaged record" verbs/sealed_records.hpp \
  'return error.code() == errc::seal_broken ||' 'return error.code() == errc::storage_failure || error.code() == errc::seal_broken ||'
mutate "reset: the factor to keep is the user's" verbs/reset_user.hpp \
  "if (kept == nullptr) decision::throw_not_found(\"factor\");" 'if (kept == nullptr) return;'
mutate "reset: the factor to keep is verified" verbs/reset_user.hpp 'if (!is_verified(*kept))' 'if (false)'
mutate "reset: no device without a factor" verbs/reset_user.hpp \
  'if (options.keep_factor.empty() && !options.keep_device.empty())' 'if (false)'
mutate "reset: devices end" verbs/reset_user.hpp 'return stored.device.id != kept;' 'return false && stored.device.id != kept;'
mutate "reset: a device rests on what is kept" verbs/reset_user.hpp \
  'for (StoredDevice& stored : devices) stored.factor_id = options.keep_factor;' ''
mutate "reset: a device whose time is over is not kept" verbs/reset_user.hpp \
  'forget_expired(devices, context.now);' ''
mutate "reset: what was shown elsewhere ends" verbs/user_record.hpp \
  'if (!challenge || (!factor_id.empty()' \
  'if (!challenge || challenge->state != ChallengeState::pending || (!factor_id.empty()'
mutate "reset: what allowed it goes on" verbs/reset_user.hpp \
  'if (open.id != allowing) co_await' 'co_await'
mutate "reset: what allowed it goes on with the factor that stays" verbs/reset_user.hpp \
  'terms.generation = user.generation;' ''
mutate "reset: wrong codes stay with a factor" decision/user_record.hpp \
  'if (!keeps_factor) user.wrong_codes.clear();' 'user.wrong_codes.clear();'
mutate "reset: wrong codes go with the last factor" decision/user_record.hpp \
  'if (!keeps_factor) user.wrong_codes.clear();' ''
mutate "reset: messages stay counted" decision/user_record.hpp 'user.enrollments.clear();' \
  'user.enrollments.clear(); user.sends.clear();'
mutate "reset: the handle stays" decision/user_record.hpp 'user.enrollments.clear();' \
  'user.enrollments.clear(); user.handle.clear();'
mutate "reset: claims end" verbs/delete_factor.hpp \
  'batch.removals.insert(batch.removals.end(), claims.begin(), claims.end());' ''
mutate "revocation: but this one" verbs/devices.hpp ': stored.device.id == kept) return false;' ': false) return false;'
tests=tests/rules/renaming.cpp
mutate "renaming: the name is checked" verbs/rename_factor.hpp \
  'detail::check_text("friendly_name", friendly_name, storage::longest_friendly_name);' ''
mutate "renaming: nobody else's factor" verbs/rename_factor.hpp \
  'co_await run.find_factor(factor_id, whose); factor.friendly_name' \
  'co_await run.find_factor(factor_id, any_user); factor.friendly_name'
mutate "renaming: told" verbs/rename_factor.hpp 'run.emit(EventType::factor_renamed, context.now, factor);' ''
tests=tests/rules/requirement.cpp
mutate "policy: unverified factors do not count" requirement.hpp 'if (!factor.verified()) continue;' ''
mutate "policy: used codes do not count" requirement.hpp 'if (codes->remaining == 0) continue;' ''
mutate "policy: recovery codes count by name only" requirement.hpp \
  'policy.kinds.empty() ? type != FactorType::recovery_codes' 'policy.kinds.empty() ? true'
mutate "policy: the assurance" requirement.hpp \
  'return wanted && factor::facts_of(type).best_assurance.meets(policy.assurance);' 'return wanted;'
mutate "policy: what the factor itself can show" requirement.hpp \
  ' && factor.best_assurance().meets(policy.assurance)) ++counted;' ') ++counted;'
mutate "policy: a PIN that does not count" factor_details.hpp \
  'if (verified()) best_assurance_ = factor::credential::best_assurance_of(record, context);' ''
mutate "policy: the deadline is over when it comes" requirement.hpp 'until && *until > now' 'until && *until >= now'
mutate "policy: the later of deadline and grace" requirement.hpp '*until < end' '*until > end'
mutate "policy: no grace from times to come" requirement.hpp \
  'std::clamp(*user.since, Time{}, now) + policy.grace' 'std::max(*user.since, Time{}) + policy.grace'
mutate "policy: an exemption ends" requirement.hpp '*user.exempt_until > read' 'true'
mutate "policy: what nobody can meet" requirement.hpp 'if (!can_be_met)' 'if (false)'
mutate "policy: recovery codes besides" requirement.hpp \
  'required.recovery_codes_lacking = policy.recovery_codes && !has_codes;' 'required.recovery_codes_lacking = false;'
mutate "policy: how many" requirement.hpp 'policy.factors - std::min(counted, policy.factors)' \
  'counted == 0 ? policy.factors : 0'
mutate "policy: recovery codes are offered beside a factor" requirement.hpp \
  'if (type == FactorType::recovery_codes && !has_another) return false;' ''
mutate "policy: what he has is not offered" requirement.hpp 'if (met) return !detail::contains(had, type);' \
  'if (met) return true;'
mutate "policy: what helps is offered" requirement.hpp \
  '(required.factors_lacking > 0 && detail::counts(policy, type))' '(required.factors_lacking > 0)'
mutate "policy: ten factors" requirement.hpp 'if (policy.factors > most_factors)' 'if (false)'
mutate "policy: a grace of a year" requirement.hpp \
  'if (policy.grace < std::chrono::seconds(0) || policy.grace > longest_grace)' 'if (false)'
mutate "policy: kinds that there are" requirement.hpp 'if (type < FactorType::totp || type > last_factor_type)' 'if (false)'
tests=tests/webauthn/passkeys.cpp libraries="$libraries -lcbor" passkey=verbs/passkey.hpp
mutate "passkeys: an id is under a stamp" verbs/passkey_challenge.hpp \
  'if (!context.keys.matches_stamp(*stamp, stamped(stored, content).view(), {"challenge", stored}))' 'if (false)'
mutate "passkeys: one that was answered to its end stays" $passkey 'MakesRoom::open, batch' 'MakesRoom::open_and_exhausted, batch'
mutate "passkeys: whoever comes shows two factors" $passkey \
  'if (factors == nullptr) asked.terms.required.factors = std::max(asked.terms.required.factors, 2U);' ''
mutate "passkeys: who comes says who he is" $passkey 'asked.user.empty() ? named->names_user' 'asked.user.empty() ? true'
mutate "passkeys: of the user who is asked" $passkey \
  'if (!named_rightly) co_return Status::wrong_credential;' ''
mutate "passkeys: nothing is stored of one that is over" $passkey 'if (decision::is_over(challenge, context.now))' 'if (false)'
mutate "passkeys: purposes and bindings of what has no record" $passkey \
  'decision::check_asked_for(challenge, asked->terms, of_the_user, options, context);' '(void)of_the_user;'
mutate "passkeys: of the caller's own user, whoever answers" $passkey ': is_of(*asked, options.user, context);' \
  ': !factor || options.user.include(factor->user_id);'
mutate "passkeys: none is unknown that cannot be read" $passkey \
  'auto claim = co_await run.find_sealed_counter(claim_id); if (claim) run.open(*claim);' \
  'auto claim = co_await run.find_counter(claim_id);'
mutate "passkeys: no more is required than any shows" $passkey \
  'if (!factor::facts_of(FactorType::webauthn).best_assurance.meets(options.required))' 'if (false)'
mutate "passkeys: no answer is valid once more after a reset" verbs/user_record.hpp \
  'const bool keeps_record = open.device_id == decision::put_to_no_factor;' 'const bool keeps_record = false;'
mutate "passkeys: no answer is valid once more after a purge" $passkey \
  'challenge.purge_at = std::max(challenge.purge_at, *challenge.expires_at + std::chrono::hours(24));' ''
mutate "passkeys: open ones are bounded" verbs/verify.hpp 'if (challenge.version == 0)' 'if (false)'
mutate "passkeys: what they allow ends with what was shown" $passkey 'terms.generation = found.user.generation;' ''
mutate "passkeys: claims outlive keys" verbs/rotation.hpp 'co_await reseal_counters(run, counters, progress);' ''
mutate "passkeys: only keys that can show what is required" factor/webauthn_sign_in.hpp 'if (required.factors <= 1) return enrolled;' \
  'return enrolled;'
mutate "passkeys: used once" $passkey 'if (found) co_return std::nullopt;' ''
mutate "passkeys: a stamp is of one id" verbs/passkey_challenge.hpp '.text(without_prefix(stored_id)).text(content)' \
  '.text(content)'
mutate "passkeys: a key that is gone makes an id nobody's" verbs/passkey_challenge.hpp \
  'error.code() != errc::unknown_key &&' ''
mutate "passkeys: an id says until when" verbs/passkey_challenge.hpp 'asked.challenge.expires_at = expires_at;' ''
mutate "passkeys: an id says what it is bound to" verbs/passkey_challenge.hpp \
  'asked.challenge.binding = fields.text();' '(void)fields.text();'
mutate "passkeys: asked for by its own user alone" verbs/look_up.hpp '&& is_of(*asked, whose, context)' ''
mutate "passkeys: no enrolment is confirmed" $passkey 'if (options.purpose == Purpose::confirm_enrollment)' 'if (false)'
mutate "passkeys: no PIN is initialized" $passkey 'if (options.initialize_user_verification)' 'if (false)'
mutate "passkeys: what waits in a page is nobody's yet" $passkey 'check_unconditional(options);' ''
mutate "passkeys: what waits in a page waits as long as the setting says" factor/webauthn_sign_in.hpp \
  'request.conditional ? context.options.conditional_challenge_lifetime : party.timeout()' 'party.timeout()'
mutate "passkeys: others end with the relying party's timeout" $passkey \
  'challenge.expires_at = context.now + factor::credential::passkey_lifetime(options, context);' ''
mutate "passkeys: refusals are told" $passkey 'event.status = *refused; run.emit(event);' ''
mutate "passkeys: strangers have room of their own" $passkey 'decision::put_to_no_factor, std::string(), context' \
  'std::string_view(), std::string(), context'
mutate "passkeys: two factors are asked for" factor/webauthn_sign_in.hpp \
  'if (request.required.factors <= 1) asked.user_verification' 'asked.user_verification'
mutate "passkeys: what all keys were registered for" factor/webauthn_sign_in.hpp \
  'if (common && *common != own) return webauthn::UserVerification::preferred;' ''
mutate "passkeys: what was guessed at ends" verbs/user_record.hpp 'challenge->state = ChallengeState::expired;' ''
tests=tests/webauthn/what_browsers_send.cpp party=webauthn/relying_party.hpp
mutate "webauthn: base64 in lines" webauthn/response.hpp "return c == '\\r' || c == '\\n';" 'return false;'
mutate "webauthn: a counter goes up" $party 'if (behind && !lenient)' 'if (false)'
mutate "webauthn: the highest counter stays" $party 'std::max(data->sign_count, credential.sign_count)' 'data->sign_count'
mutate "webauthn: lenient with what is synchronised alone" $party 'credential.backup_eligible && settings_' 'settings_'
mutate "webauthn: lenient by setting" $party '&& settings_.synced_passkeys == SyncedPasskeys::tell' ''
mutate "webauthn: what is bound to a device stays so" $party \
  'if (eligibility_changed && !lenient) return {Status::wrong_credential};' ''
mutate "webauthn: presence" $party 'if (!data.user_present() && !may_be_absent)' 'if (false)'
mutate "webauthn: presence at sign-ins" $party 'check_authenticator(*data, expected, false,' \
  'check_authenticator(*data, expected, true,'
mutate "webauthn: absence where it was asked for" factor/webauthn_enrollment.hpp \
  '.conditional = request.conditional_create' '.conditional = true'
mutate "webauthn: no trust meets what was not verified" $party '|| settings_.attestation_trust != nullptr' ''
mutate "webauthn: an attestation that was asked for is verified" $party \
  'settings_.attestation != AttestationConveyance::none ||' ''
mutate "webauthn: an algorithm that was asked for" $party \
  'return older_name(static_cast<std::int32_t>(algorithm)) == older_name(key.algorithm());' 'return true;'
mutate "webauthn: origins are compared whole" $party 'return std::ranges::find(list, text) != list.end();' \
  'return std::ranges::any_of(list, [&](const auto& one) { return text.starts_with(one); });'
mutate "webauthn: no key of CBOR twice" webauthn/cbor.hpp \
  'if (std::find(keys.begin(), keys.begin() + i, keys.at(i)) != keys.begin() + i) return false;' ''
mutate "webauthn: what is said of frames is read" webauthn/client_data.hpp \
  'if (members->has("crossOrigin") && !members->boolean("crossOrigin")) return std::nullopt;' ''
mutate "webauthn: the page around a frame is read" webauthn/client_data.hpp \
  'if (members->has("topOrigin") && top_origin == nullptr) return std::nullopt;' ''
mutate "webauthn: members of the object that they are in" webauthn/json.hpp 'member.outer == outer &&' ''
mutate "webauthn: a handle stays with its user" verbs/enroll.hpp \
  'enrolling.found.user.handle = enrolling.user.handle;' ''
mutate "webauthn: a handle is never purged" decision/user_record.hpp '&& user.handle.empty()' ''
mutate "webauthn: excluded credentials are bounded" factor/webauthn_ceremony.hpp 'enrolled.resize(most);' ''
mutate "webauthn: names are cut at a character" factor/webauthn_enrollment.hpp \
  'while ((static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;' ''
tests=tests/webauthn/webauthn_registration.cpp cose=webauthn/cose_key.hpp
mutate "registration: step 7, the type" $party 'client.type != type ||' ''
mutate "registration: step 8, the challenge" $party '|| !expected.is_challenge(client.challenge)' ''
mutate "registration: step 9, the origin" $party 'if (!contains(settings_.origins, client.origin) &&
  !contains(settings_.related_origins, client.origin)) return Status::wrong_origin;' ''
mutate "registration: step 10, frames of other origins" $party \
  'if (client.cross_origin && !settings_.allow_cross_origin) return Status::wrong_origin;' ''
mutate "registration: step 11, the page around a frame" $party '&& contains(settings_.top_origins, *client.top_origin))' ')'
mutate "registration: step 11, a page around no frame" $party 'client.cross_origin && contains(' 'contains('
mutate "registration: step 14, the relying party" $party 'if (!is_ours) return Status::wrong_relying_party;' ''
mutate "registration: step 16, the user was verified" $party \
  'if (expected.user_verification == UserVerification::required && !data.user_verified()) return Status::user_not_verified;' ''
mutate "registration: step 17, what is backed up may be" $party \
  'if (data.backed_up() && !data.backup_eligible()) return Status::unsupported_credential;' ''
mutate "registration: step 20, an algorithm that was asked for" $party '|| !accepts(*key)' ''
mutate "registration: step 20, points in their one encoding" $cose '!detail::is_canonical_ed25519(x) ||' ''
mutate "registration: step 20, points of the large group" $cose '|| detail::has_small_order_ed25519(x)' ''
mutate "registration: step 22, none is empty" webauthn/attestation.hpp \
  'if (CborReader(object.statement).map() != 0U) return std::nullopt;' ''
mutate "registration: step 22, by the credential's algorithm" webauthn/attestation.hpp \
  '*statement.algorithm != data.key.algorithm() ||' ''
mutate "registration: step 22, by the credential's key" webauthn/attestation.hpp \
  '|| !data.key.verifies(message, statement.signature)' ''
mutate "registration: step 24, whom the host trusts" $party \
  'return !settings_.attestation_trust || settings_.attestation_trust(attestation);' 'return true;'
mutate "registration: step 25, ids have a longest" $party '|| credential.id.size() > longest_credential_id' ''
mutate "registration: the id beside the response" $party \
  'if (crypto::text_of(credential.id) != response->credential_id) return {Status::wrong_credential};' ''
tests=tests/webauthn/webauthn_assertion.cpp
mutate "sign-in: step 5, the credential" $party \
  'if (response->credential_id != credential.id) return {Status::wrong_credential};' ''
mutate "sign-in: step 6, the user handle" $party 'if (response->user_handle && *response->user_handle != expected.user_handle)
  return {Status::wrong_credential};' ''
mutate "sign-in: step 11, the type" $party 'client.type != type ||' ''
mutate "sign-in: step 12, the challenge" $party '|| !expected.is_challenge(client.challenge)' ''
mutate "sign-in: step 13, the origin" $party 'if (!contains(settings_.origins, client.origin) &&
  !contains(settings_.related_origins, client.origin)) return Status::wrong_origin;' ''
mutate "sign-in: step 14, frames of other origins" $party \
  'if (client.cross_origin && !settings_.allow_cross_origin) return Status::wrong_origin;' ''
mutate "sign-in: step 16, the relying party" $party 'if (!is_ours) return Status::wrong_relying_party;' ''
mutate "sign-in: step 18, the user was verified" factor/webauthn.hpp \
  'webauthn::UserVerification::required : parameters.user_verification' \
  'webauthn::UserVerification::required : webauthn::UserVerification::preferred'
mutate "sign-in: step 22, the signature" $party '!key->verifies(joined({crypto::bytes_of(response->authenticator_data), hash}),
  crypto::bytes_of(response->signature))' 'false'
mutate "sign-in: step 23, the counter is kept" factor/webauthn_sign_in.hpp 'key.sign_count = assertion.sign_count;' ''
mutate "sign-in: step 23, a clone is told" factor/webauthn_ceremony.hpp \
  'if (status == Status::cloned_authenticator) answer.events = {EventType::authenticator_cloned};' ''
mutate "sign-in: whether a passkey is backed up is kept" factor/webauthn_sign_in.hpp \
  'parameters.backed_up = assertion.backed_up;' ''
tests=tests/webauthn/webauthn_user_verification.cpp sign_in=factor/webauthn_sign_in.hpp
mutate "PIN: counts if the registration showed one" $sign_in 'assertion.user_verified && key.user_verification_initialized;' \
  'assertion.user_verified;'
mutate "PIN: what the registration showed" factor/webauthn_enrollment.hpp \
  '.user_verification_initialized = registration.user_verified' '.user_verification_initialized = true'
mutate "PIN: initialized where that was asked for" $sign_in \
  'ceremony == Ceremony::initializing_assertion && assertion.user_verified' 'assertion.user_verified'
mutate "PIN: initialized for good" $sign_in \
  'key.user_verification_initialized = key.user_verification_initialized || initialized;' ''
mutate "PIN: two factors of who can show them" $sign_in \
  'if (request.required.factors > 1) check_user_verification_initialized(record, context);' ''
mutate "PIN: asked for by what initializes it" $sign_in 'initialize || request.required.factors > 1;' \
  'request.required.factors > 1;'
mutate "PIN: told when it is initialized" $sign_in 'tell(initialized, EventType::user_verification_initialized);' ''
mutate "PIN: a touch is one factor" factor/webauthn_ceremony.hpp '.factors = user_verified ? 2U : 1U' '.factors = 2U'
mutate "PIN: a touch is no multi-factor" factor/webauthn_ceremony.hpp 'user_verified ? 3 : user_present' \
  'user_present ? 3 : user_present'
tests=tests/webauthn/webauthn_factor.cpp
mutate "webauthn: what was enrolled meanwhile is excluded" factor/webauthn_enrollment.hpp \
  'pending.exclude = to_name(enrolled_of(*context.factors_of_user));' ';'
mutate "webauthn: challenges and handles are random" factor/webauthn_ceremony.hpp \
  'crypto::random_bytes_for(purpose, bytes);' ''
mutate "webauthn: one registration ends the enrolment's challenges" factor/webauthn.hpp \
  'return registered != (credential::ceremony_of(challenge) == credential::Ceremony::registration);' \
  'return registered || !registered;'
mutate "webauthn: the bytes of an enrolment end" factor/webauthn_enrollment.hpp \
  'if (is_over(pending.ends_at - party.timeout(), pending.ends_at, context.now))' 'if (false)'
mutate "webauthn: and its challenges with them" factor/webauthn_enrollment.hpp 'challenge.expires_at = pending.ends_at;' \
  'challenge.expires_at = end_of(party, context);'
mutate "webauthn: sign-ins end" factor/webauthn_sign_in.hpp 'challenge.expires_at = end_of(party, context);' ''
mutate "webauthn: what he did not confirm is not" factor/webauthn_ceremony.hpp \
  '&& factor.state == FactorState::verified' ''
mutate "webauthn: one handle a user" factor/webauthn_enrollment.hpp \
  'if (user.handle.empty()) user.handle = draw(' 'user.handle = draw('
mutate "webauthn: no text ends a page's script" webauthn/options_json.hpp "if (text[i] == '<')" 'if (false)'
mutate "webauthn: names that browsers would misshow" factor/webauthn_enrollment.hpp \
  '|| mfa::detail::has_control_characters(text))' ')'
tests=tests/webauthn/webauthn_hostile_inputs.cpp
mutate "hostile answers: nothing after an authenticator's data" webauthn/authenticator_data.hpp \
  'if (!bytes.empty()) return std::nullopt; return data;' 'return data;'
mutate "hostile answers: extensions are a map" webauthn/authenticator_data.hpp '!extensions.map() ||' ''
mutate "hostile answers: lengths in their shortest form" webauthn/cbor.hpp \
  'if (decoded.read != shortest_head(item.value) + item.string.size()) return std::nullopt;' ''
mutate "hostile answers: texts in UTF-8" webauthn/cbor.hpp \
  'if (item.type == Type::text && !mfa::detail::is_utf8(crypto::text_of(item.string))) return std::nullopt;' ''
mutate "hostile answers: nothing after an attestation" webauthn/attestation.hpp '!reader.at_end() || !(list' '!(list'
mutate "hostile answers: no NUL in JSON" webauthn/json.hpp "|| text.find('\\0') != std::string_view::npos" ''
mutate "hostile answers: no member twice" webauthn/json.hpp '&& find(members_, outer_, name_) == nullptr' ''
mutate "hostile answers: few members" webauthn/json.hpp 'members_.size() < most &&' ''
mutate "hostile answers: id and raw id" webauthn/response.hpp 'members.has("rawId") && id != raw_id' 'false'
mutate "hostile answers: a public key's credential" webauthn/response.hpp '|| *type != "public-key"' ''
mutate "hostile answers: RSA of 2,048 bits" $cose 'modulus.size() < least ||' ''
mutate "hostile answers: RSA of 4,096 bits" $cose 'modulus.size() > most ||' ''
mutate "hostile answers: RSA with short exponents" $cose 'exponent.size() > longest_exponent ||' ''
mutate "hostile answers: RSA with an exponent that does something" $cose '|| (exponent.size() == 1 && exponent[0] == 1)' ''
mutate "hostile answers: RSA with odd numbers" $cose '&& (number.back() & 1) == 1' ''
mutate "hostile answers: RSA without leading zeros" $cose '&& number.front() != 0' ''
mutate "hostile answers: a curve is its algorithm's" $cose 'curve != traits->cose_curve ||' ''

tests=tests/webauthn/passkey_enrolment.cpp options=webauthn/options_json.hpp
mutate "passkeys: bound to a device by setting" $party '|| settings_.device_bound != DeviceBound::not_required' ''
mutate "passkeys: bound to a device by enrolment" factor/webauthn_enrollment.hpp '.device_bound = request.device_bound' '.device_bound = false'
mutate "passkeys: bound to a device at sign-ins" $party 'settings_.device_bound == DeviceBound::always)
      return {Status::not_device_bound};' 'false) return {Status::not_device_bound};'
mutate "passkeys: new ones bound to a device, and no others" $party \
  'may_be_copied && settings_.device_bound == DeviceBound::always' \
  'may_be_copied && settings_.device_bound != DeviceBound::not_required'
mutate "passkeys: bound to a device, whatever it says by now" $party 'data->backup_eligible() || credential.backup_eligible;' \
  'data->backup_eligible();'
mutate "passkeys: outputs by their path" webauthn/json.hpp "if (!outer_.empty()) outer_ += '.'; outer_ += name_;" \
  'outer_ = name_;'
mutate "passkeys: outputs of no list" webauthn/json.hpp 'const bool direct = within(Container::members);' \
  'const bool direct = true;'
mutate "passkeys: the authenticator's own outputs, as far as they are known" webauthn/authenticator_data.hpp \
  'number >= 1 && number <= 3' 'number >= 0 && number <= 255'
mutate "passkeys: no input of prf for others" $options \
  'return mfa::detail::base64url(credential.id) == one.credential_id;' 'return !credential.id.empty() && !one.credential_id.empty();'
mutate "passkeys: one blob, of one credential" $options 'extensions.read_large_blob || allow.size()' 'allow.size()'
mutate "passkeys: protection is enforced as asked" $options \
  'json["enforceCredentialProtectionPolicy"] = extensions.enforce_credential_protection;' \
  'json["enforceCredentialProtectionPolicy"] = false;'

tests=tests/webauthn/other_domains_and_signals.cpp
mutate "related origins: listed ones alone" $party '!contains(settings_.related_origins, client.origin)' \
  'settings_.related_origins.empty()'
mutate "related origins: of https" webauthn/settings.hpp \
  'detail::is_origin(origin) && origin.starts_with("https://"), "related_origins"' 'detail::is_origin(origin), "related_origins"'
mutate "related origins: five names" webauthn/settings.hpp 'names.size() <= 5' 'names.size() <= 6'
mutate "u2f: the AppID for keys of before alone" $party '!credential.u2f || settings_.u2f_app_id.empty()' \
  'settings_.u2f_app_id.empty()'
mutate "u2f: the AppID where it is set" $party '!credential.u2f || settings_.u2f_app_id.empty()' '!credential.u2f'
mutate "u2f: what the browser says of the AppID" $party 'return (for_app_id != true && is_ours(data))' \
  'return is_ours(data)'
mutate "u2f: no AppID at registrations" $party 'expected.user_may_be_absent, is_ours(*data)' \
  'expected.user_may_be_absent, is_of({.u2f = true}, *data, std::nullopt)'
mutate "u2f: keys of before are excluded" $options 'json["appidExclude"] = settings.u2f_app_id;' ';'
mutate "signals: of the user's handle" webauthn/signals.hpp '&& credential->user_handle == user_handle' ''
mutate "signals: of confirmed factors" webauthn/signals.hpp '&& factor.verified()' ''

tests=tests/webauthn/device_attestation_rules.cpp attestation=webauthn/attestation.hpp
certificate=webauthn/attestation_certificate.hpp tpm=webauthn/tpm.hpp android=webauthn/android_key.hpp
mutate "tpm: version 2.0" $attestation 'statement.version != "2.0" ||' ''
mutate "tpm: the public area is the credential's key" $attestation 'if (!area || !is_credential(*area, data.key))' 'if (!area)'
mutate "tpm: an RSA key's modulus" webauthn/cose_key.hpp '&& has_number(OSSL_PKEY_PARAM_RSA_N, modulus)' ''
mutate "tpm: an RSA key's exponent" webauthn/cose_key.hpp '&& has_number(OSSL_PKEY_PARAM_RSA_E, bytes)' ''
mutate "tpm: a point" webauthn/cose_key.hpp \
  'has_number(OSSL_PKEY_PARAM_EC_PUB_X, x) && has_number(OSSL_PKEY_PARAM_EC_PUB_Y, y)' 'true'
mutate "tpm: objects that sign" $tpm 'if (reader.two() != detail::tpm_null) return std::nullopt; // a cipher' \
  '(void)reader.two(); // a cipher'
mutate "tpm: schemes that sign" $tpm 'else if (scheme != detail::tpm_null)' 'else if (false)'
mutate "tpm: no keys that derive others" $tpm 'area.curve == 0 || reader.two() != detail::tpm_null' \
  'area.curve == 0 || reader.two() == 0'
mutate "tpm: magic" $tpm 'if (reader.four() != made_by_tpm) return std::nullopt;' '(void)(reader.four() != made_by_tpm);'
mutate "tpm: type" $tpm 'if (reader.two() != certifies) return std::nullopt;' '(void)(reader.two() != certifies);'
mutate "tpm: the statement is signed" $attestation \
  '!verify_with(certificate.key(), *traits, statement.certification, statement.signature)' 'false'
mutate "tpm: the statement is of this registration" $attestation \
  '!std::ranges::equal(certified->extra_data, digest_of(traits->hash, to_be_signed(data))) ||' ''
mutate "tpm: the statement is of this key" $attestation \
  '!is_name_of(certified->name, statement.public_area, area->name_algorithm)' 'false'
mutate "tpm: the certificate's requirements" $attestation '|| !certificate.fits_tpm(data.parsed.credential->aaguid)' ''
mutate "tpm: the certificate has no subject" $certificate \
  'X509_NAME_entry_count(X509_get_subject_name(certificate_.get())) == 0 &&' ''
mutate "tpm: the certificate is of version 3" $certificate \
  'X509_get_version(certificate_.get()) == version_3 && X509_NAME_entry_count' 'X509_NAME_entry_count'
mutate "tpm: the certificate names a TPM" $certificate '== 0 && names_tpm() &&' '== 0 &&'
mutate "tpm: the maker" $certificate 'is_tpm_vendor(part(tpm, "2.23.133.2.1")) &&' ''
mutate "tpm: the maker's number" $certificate \
  'return name.starts_with("id:") && name.size() == 3 + digits &&' 'return name.size() == 3 + digits ||'
mutate "tpm: the model" $certificate '!part(tpm, "2.23.133.2.2").empty() &&' ''
mutate "tpm: the version" $certificate '&& !part(tpm, "2.23.133.2.3").empty()' ''
mutate "tpm: the names are critical" $certificate '|| critical != 1' ''
mutate "tpm: the certificate is for attestations" $certificate 'is_for_tpm_attestation() && is_no_authority()' 'is_no_authority()'
mutate "tpm: the certificate is no authority's" $certificate \
  'is_for_tpm_attestation() && is_no_authority()' 'is_for_tpm_attestation()'
mutate "tpm: the certificate names no other model" $certificate \
  'is_for_tpm_attestation() && is_no_authority() && names_no_other_model(aaguid)' \
  'is_for_tpm_attestation() && is_no_authority()'
mutate "attestation: no extension twice" $certificate '&& has_each_extension_once()' ''
mutate "android-key: signed" $attestation \
  '!verify_signature(certificate.key(), *statement.algorithm, to_be_signed(data), statement.signature) ||' ''
mutate "android-key: the certificate is of the credential's key" $attestation \
  '|| !data.key.is(certificate.key())) return std::nullopt; constexpr const char* key_description' \
  ') return std::nullopt; constexpr const char* key_description'
mutate "android-key: no attested key has signed the certificate" $attestation \
  'if (issuer && issuer.extension(key_description)) return std::nullopt;' ''
mutate "android-key: the certificate is of this registration" $attestation \
  '!std::ranges::equal(description->challenge, data.client_data_hash) ||' ''
mutate "android-key: a key of one app" $android \
  'if (software.all_applications || hardware.all_applications) return false;' ''
mutate "android-key: a key of one app, by software too" $android 'software.all_applications || hardware' 'hardware'
mutate "android-key: a key that signs" $android \
  'if (!(hardware.signs || (with_software && software.signs))) return false;' ''
mutate "android-key: and nothing else" $android \
  'if (hardware.other_purposes || (with_software && software.other_purposes)) return false;' ''
mutate "android-key: an origin" $android \
  'if (!hardware.origin && !(with_software && software.origin)) return false;' ''
mutate "android-key: generated" $android 'return hardware.origin.value_or(generated) == generated &&' 'return'
mutate "android-key: of hardware" $android 'const bool with_software = !hardware_only;' 'const bool with_software = true;'
mutate "android-key: software is no hardware" $party \
  'return format != "android-key" || !settings_.android_software_keys;' 'return !format.empty();'
mutate "apple: the certificate is of this registration" $attestation \
  '!nonce || !std::ranges::equal(nonce->value, joined({before, digest_of("SHA256", to_be_signed(data))})) ||' '!nonce ||'
mutate "apple: the certificate is of the credential's key" $attestation \
  '|| !data.key.is(certificate.key())) return std::nullopt; return AttestationType::certified' \
  ') return std::nullopt; return AttestationType::certified'
mutate "attestation: a wrong one is none only where none was wanted" $attestation \
  'if (!type && rules.unverified_formats == UnverifiedFormats::ignore)' 'if (!type)'

tests=tests/webauthn/webauthn_attestation.cpp
mutate "enterprise: a serial number where it was asked for" $attestation '!rules.enterprise ||' ''
mutate "enterprise: a serial number in its form" $attestation '|| serial->empty()' ''
mutate "enterprise: a serial number is not critical" $certificate 'told->critical || !bytes' '!bytes'
mutate "models: those that are listed" $party '|| !names_model(settings_.models, attestation.aaguid)' ''
mutate "models: not where nothing signs them" $party '|| attestation.format == "fido-u2f"' ''
mutate "models: not without a certificate" $party \
  'attestation.type != AttestationType::certified || attestation' 'attestation'
mutate "packed: signed" $attestation \
  '|| !verify_signature(certificate.key(), *statement.algorithm, message, statement.signature))' ')'
mutate "packed: the certificate's requirements" $attestation \
  '|| !certificate.fits_packed(data.parsed.credential->aaguid)' ''
mutate "packed: the certificate is of version 3" $certificate \
  'X509_get_version(certificate_.get()) == version_3 && country' 'country'
mutate "packed: a country" $certificate 'country.size() == 2 &&' ''
mutate "packed: a country's code in capitals" $certificate "return c >= 'A' && c <= 'Z';" "return c != ' ';"
mutate "packed: the maker" $certificate '!subject(NID_organizationName).empty() &&' ''
mutate "packed: for attestations" $certificate \
  'subject(NID_organizationalUnitName) == "Authenticator Attestation" &&' ''
mutate "packed: a name" $certificate '!subject(NID_commonName).empty() &&' ''
mutate "packed: the certificate names no other model" $certificate '&& crypto::text_of(named->value) == expected' ''
mutate "packed: the model is not critical" $certificate '!named->critical &&' ''
mutate "fido-u2f: a certificate of P-256" $attestation '!certificate.has_p256_key() ||' ''
mutate "fido-u2f: one certificate" $attestation '|| statement.certificates.size() != 1 ||' '|| statement.certificates.empty() ||'
mutate "fido-u2f: signed" $attestation \
  'if (!verify_signature(certificate.key(), static_cast<std::int32_t>(Algorithm::es256), message, statement.signature)) return std::nullopt;' ''
mutate "hardware: what can be copied is none" factor/webauthn_enrollment.hpp \
  'credential.attestation_trusted && !credential.backup_eligible' 'credential.attestation_trusted'
mutate "hardware: proven to who trusts" $party \
  'settings_.attestation_trust && *type == AttestationType::certified &&' '*type == AttestationType::certified &&'

tests=tests/webauthn/fido_metadata.cpp metadata=webauthn/fido_metadata.hpp
mutate "fido: the blob is signed" $metadata 'require(is_signed_by(*jws, X509_get0_pubkey(signer)), "the signature is wrong");' ''
mutate "fido: the signer leads to a root" webauthn/certificate_store.hpp \
  'if (X509_verify_cert(context.get()) != 1) return std::nullopt;' '(void)X509_verify_cert(context.get());'
mutate "fido: the signer's name" $metadata \
  'X509_check_host(signer, settings.signer.data(), settings.signer.size(),' '1 || X509_check_host(signer, "", 0,'
mutate "fido: the time of the certificates" webauthn/certificate_store.hpp \
  'X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(now));' \
  'X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);'
mutate "fido: revoked signers" webauthn/certificate_store.hpp 'revocation_ = true;' ''
mutate "fido: no unknown critical header" webauthn/jws.hpp '|| header.contains("crit")' ''
mutate "fido: no older blob" $metadata 'metadata->number < state_->metadata->number' 'false'
mutate "fido: overdue" $metadata 'attestation.now >= metadata.next_update + policy.most_overdue' 'false'
mutate "fido: the day of the next update is told" $metadata 'now >= metadata->next_update;' 'false;'
mutate "fido: certificates" $metadata \
  'if (attestation.type != AttestationType::certified) return "there is no certificate";' ''
mutate "fido: U2F signs no model" $metadata 'attestation.format != "fido-u2f" &&' ''
mutate "fido: by certificate only where no model is told" $metadata \
  'return found == entries.end() ? nullptr : &*found;' 'if (found != entries.end()) return &*found;'
mutate "fido: a model that attests by certificates" $metadata \
  'std::ranges::find_first_of(entry->attestation_types, certified) == entry->attestation_types.end()' 'false'
mutate "fido: the model's own roots" $metadata 'if (!chain) return "the certificates lead to no root of the model, or are out of date";' \
  'if (!chain) return {};'
mutate "fido: reports" $metadata '&& detail::concerns(report, *chain, &one == entry))' '&& false)'
mutate "fido: reports of the model alone" $metadata '|| report.certificate.empty()) return of_the_model;' \
  '|| report.certificate.empty()) return true;'
mutate "fido: a lost key, whatever model is named" $metadata 'detail::concerns(report, *chain, &one == entry))' \
  '&one == entry && detail::concerns(report, *chain, true))'
mutate "fido: certificates that lead to the root name the model" $metadata 'if (!detail::tells_model(attestation) &&' 'if (false &&'
mutate "fido: reports from their day on" $metadata 'if (report.since <= attestation.now &&' 'if ('
mutate "fido: a lost key by its certificate" $metadata \
  'EVP_PKEY_eq(of_chain, key) == 1' 'EVP_PKEY_eq(of_chain, key) == 2'
mutate "fido: a lost key that cannot be read" $metadata 'if (key == nullptr) return of_the_model;' ''
mutate "fido: the lowest certification" $metadata \
  'detail::certification_of(*entry, attestation.now) < policy.least' 'false'
mutate "fido: a certification that is taken back" $metadata 'highest = AuthenticatorStatus::unknown; if (is_certification' \
  'highest = highest; if (is_certification'
mutate "fido: a certification from its day on" $metadata 'if (report.since > now) continue;' ''
mutate "fido: reports in the order of their days" $metadata \
  'std::ranges::stable_sort(entry.reports, {}, &StatusReport::since);' ''

tests=tests/security/hostile_database.cpp before_hostile="$flags|$libraries"
flags="$flags -DMFA_SOURCE_DIRECTORY=\"$PWD\"" libraries="$libraries -lcbor -lsqlite3"
export MFA_TEST_EDITS=10000
for field in 'enumerator(factor.type)' 'enumerator(factor.state)' 'text(factor.user_id)' 'number(factor.failures)' \
  'optional_time(factor.last_failure_at)' 'text(factor.parameters)' 'text(without_prefix(challenge.factor_id))' \
  'enumerator(challenge.state)' 'optional_time(challenge.expires_at)' 'number(challenge.attempts_left)' \
  'text(challenge.binding)'; do
  mutate "hostile database: $field" $sealed ".$field" ''
done
mutate "hostile database: the terms of a challenge" $sealed '.text(challenge.binding) .text(content)' \
  '.text(challenge.binding).text(content.substr(content.size() < 4 ? content.size() : 4))'
mutate "hostile database: what a counter says" $sealed '.text(counter.id).text(content)' \
  '.text(counter.id).number(content.size())'
mutate "hostile database: which counter it is" $sealed '.text(counter.id).text(content)' '.text(content)'
mutate "hostile database: seals are compared" $sealed \
  '!keys.matches_stamp(stamp, stamped(record, content).view(), {name_of(record), record.id})' 'false'
mutate "hostile database: counters are opened" $sealed 'open(counter, keys, unsealed);' \
  'if (sealed) counter.data.erase(0, 1 + stamp_in(counter.data).size());'
mutate "hostile database: reseal_all opens what it seals" verbs/rotation.hpp 'run.open(record);' \
  'record.sealed.erase(0, 1 + stamp_in(record.sealed).size());'
mutate "hostile database: a broken record of the user lets no guess go uncounted" verbs/verify.hpp \
  'broken = std::current_exception();' 'throw;'
mutate "hostile database: nor one that moves" verbs/verify.hpp 'rounds.done() < most_rounds_beside' 'true'
unset MFA_TEST_EDITS
flags=${before_hostile%%|*} libraries=${before_hostile#*|}

tests=tests/delivery/delivery_decorators.cpp failover=delivery/failover.hpp retry=delivery/retry.hpp
mutate "delivery: no other provider for a number that does not exist" $failover \
  'case DeliveryFailure::invalid_recipient: case DeliveryFailure::opted_out: return false;' \
  'case DeliveryFailure::invalid_recipient: break; case DeliveryFailure::opted_out: return false;'
mutate "delivery: no other provider for who has opted out" $failover \
  'case DeliveryFailure::opted_out: return false;' 'return false; case DeliveryFailure::opted_out: break;'
mutate "delivery: what is unclear goes to no other provider" $failover 'return send_unclear_twice;' 'return true;'
mutate "delivery: unless the host says so" $failover 'return send_unclear_twice;' 'return false;'
mutate "delivery: what was unclear once is unclear" $failover \
  'else if (failure_ != DeliveryFailure::unclear && (ended_' 'else if ((ended_'
mutate "delivery: what waiting helps with is the reason" $failover '(ended_ || later || !later_)' 'true'
mutate "delivery: nobody waits longer than for the first provider" $failover 'std::min(wait, retry_after_)' 'wait'
mutate "delivery: a wait that one provider does not know is not known" $failover \
  'wait && retry_after_ ? std::min(wait, retry_after_) : std::nullopt' 'wait ? wait : retry_after_'
mutate "delivery: no text of what is no Error" $failover '} catch (...) { return "threw' \
  '} catch (const std::exception& other) { return other.what(); } catch (...) { return "threw'
mutate "delivery: what a recipient or a text is refused for is not tried again" $retry \
  'case DeliveryFailure::message_refused: break;' 'case DeliveryFailure::message_refused: return true;'
mutate "delivery: what is throttled is tried again" $retry \
  'case DeliveryFailure::throttled: case DeliveryFailure::unavailable: return true;' \
  'case DeliveryFailure::throttled: return false; case DeliveryFailure::unavailable: return true;'
mutate "delivery: what is unclear is not tried again" $retry 'return deduplicates;' 'return true;'
mutate "delivery: unless the provider deduplicates" $retry 'return deduplicates;' 'return false;'
mutate "delivery: which it cannot without an id" $retry '&& !message_id_.empty()' ''
mutate "delivery: nor for another provider" $retry 'if (asks_several &&' 'if (false && asks_several &&'
mutate "delivery: what was unclear once stays so when tried again" $retry 'if (!unclear_) last_ = thrown;' 'last_ = thrown;'
mutate "delivery: tries are bounded" $retry 'tries_ >= options_.attempts ||' ''
mutate "delivery: tries end with the deadline" $retry 'if (now + wait > deadline_) return std::nullopt;' ''
mutate "delivery: waits grow" $retry 'delay *= 2' 'delay *= 1'
mutate "delivery: waits have a longest" $retry \
  'std::min<std::int64_t>(delay, options.longest_delay.count()) / 2' 'delay / 2'
mutate "delivery: waits are not the same for all" $retry 'thrown ? random() : 0); if (!wait) break; timer_->sleep' \
  '0); if (!wait) break; timer_->sleep'
mutate "delivery: a provider says how long to wait" $retry \
  'std::max(milliseconds(half), milliseconds(asked))' 'milliseconds(half)'
mutate "delivery: a circuit opens" delivery/circuit_breaker.hpp '++failures_ >= most_failures_ ||' ''
mutate "delivery: a circuit opens for failures in a row" delivery/circuit_breaker.hpp \
  'if (!failed) { failures_ = 0;' 'if (!failed) {'
mutate "delivery: a circuit does not open for what anybody can ask for" delivery/circuit_breaker.hpp \
  'case DeliveryFailure::not_permitted: case DeliveryFailure::throttled:' \
  'case DeliveryFailure::not_permitted: case DeliveryFailure::throttled: return true;'
mutate "delivery: a provider that fails again is spared again" delivery/circuit_breaker.hpp \
  '|| state_ == CircuitState::half_open) {' ') {'
mutate "delivery: no circuit of a parent's holds a forked process up" delivery/circuit_breaker.hpp \
  'if (!breaker_->home.is_here()) return; const auto admission' 'const auto admission'
mutate "delivery: one message tries a provider out" delivery/circuit_breaker.hpp 'probing_ = true;' ''
mutate "delivery: what began before says nothing" delivery/circuit_breaker.hpp 'if (era != era_) return;' ''
mutate "delivery: nor does its end let another try" delivery/circuit_breaker.hpp \
  'if (era == era_) probing_ = false;' 'probing_ = false;'
mutate "delivery: each message goes by the first that can send it" delivery/channels.hpp \
  '(void)((Sends<Transports, Message> || (++first, false)) || ...);' \
  'std::size_t at = 0; (void)((Sends<Transports, Message> ? (first = at++, false) : (++at, false)) || ...);'
tests=tests/delivery/delivery_awaited.cpp
mutate "delivery: a task that is destroyed leaves the provider to others" delivery/circuit_breaker.hpp \
  'breaker_->circuit.forget(era_);' ''
mutate "delivery: a cancellation opens no circuit" delivery/circuit_breaker.hpp \
  'async::rethrow_cancellation<detail::ReturnedBy<Message, Transport>>(thrown);' ''
mutate "delivery: a cancellation asks no other provider" $failover \
  'async::rethrow_cancellation<detail::ReturnedBy<Message, Transports...>>(thrown);' ''
mutate "delivery: what was cancelled is not sent again" $retry \
  'async::rethrow_cancellation<detail::ReturnedBy<Message, Transport>>(thrown);' ''
mutate "a cancelled verb withdraws no challenge whose code may arrive" async/verifier.hpp \
  'rethrow_cancellation<Task<void>>(failure);' ''
tests=tests/delivery/delivery_background.cpp background=delivery/background.hpp
mutate "delivery in the background: bounded" $background 'if (waiting_.size() >= options_.max_waiting)' 'if (false)'
mutate "delivery in the background: nothing after a stop" $background 'if (stopped_) throw stopped_error();' ''
mutate "delivery in the background: a stop waits" $background 'return waiting_.empty() && sending_.empty(); });' \
  'return true; });'
mutate "delivery in the background: a stop waits for what is being sent" $background \
  'return waiting_.empty() && sending_.empty(); });' 'return waiting_.empty(); });'
mutate "delivery in the background: one message to a recipient at a time" $background 'return !is_in_line(*job);' 'return true;'
mutate "delivery in the background: what a stop gives up is told of" $background \
  'for (auto& job : refused) tell(std::move(job), std::make_exception_ptr(stopped_error()));' ''
mutate "delivery in the background: what a stop gives up is not sent" $background 'refused.swap(waiting_);' ''
mutate "delivery in the background: what failed is told of" $background \
  'tell(std::move(job), thrown); thrown = nullptr;' 'if (!thrown) tell(std::move(job), thrown); thrown = nullptr;'
mutate "delivery in the background: messages go before anybody is told" $background 'job.reset();' ''
mutate "delivery in the background: one process'" $background 'if (!home_.is_here()) // a thread' 'if (false) // a thread'

tests=tests/email/email_factor.cpp
email=factor/email.hpp
mutate "e-mail: tokens are random" $email \
  'crypto::random_bytes_for(token_context(challenge).append(" of ").append(challenge.factor_id), bytes);' ''
mutate "e-mail: tokens are stored as an HMAC" $email \
  'token_mac = context.keys.authenticate(token, token_context(challenge));' \
  'token_mac = context.keys.authenticate(token, token_context(challenge)).append(token.view());'
mutate "e-mail: tokens are of one challenge" $email '.append(" token ").append(challenge.id)' '.append(" token ")'
mutate "e-mail: links are of one session" $email \
  'if (challenge.binding.empty() && !request.link_works_in_any_browser)' 'if (false)'
mutate "e-mail: no token without a link" $email 'if (macs.token.empty()) return Answer::malformed();' ''
mutate "e-mail: no code without one in the mail" $email 'if (macs.code.empty()) return Answer::malformed();' ''
mutate "e-mail: the address is sealed" $email 'SentTo{email::mask_address(enrolled.address), {}}' \
  'SentTo{enrolled.address, {}}'
mutate "e-mail: resealed when used" $email 'reseal_secret(record, address, context.keys);' ''
mutate "e-mail: later mails end earlier ones" $email \
  'record.parameters = encode(SentTo{sent_to(record).destination, challenge.id});' ''
mutate "e-mail: links expire" $email 'challenge.expires_at = context.now + codes.lifetime;' ';'
mutate "e-mail: sends are limited" $email 'if (count.wait)' 'if (false)'
mutate "e-mail: sends are counted by address" $email 'email::limit_key(crypto::text_of(address))' 'record.id'
mutate "e-mail: no two mails have one id" $email 'kept.sends = kept_code(challenge).sends + 1;' ''
mutate "e-mail: no second factor" requirement.hpp \
  'type != FactorType::recovery_codes && type != FactorType::email' 'type != FactorType::recovery_codes'
mutate "e-mail: half a template is not passed over" email/message_template.hpp \
  'return own.subject.empty() && own.text.empty() && own.html.empty() ?' 'return own.text.empty() ?'
tests=tests/email/email_addresses.cpp
address=email/address.hpp
mutate "e-mail addresses: no header before the at sign" $address \
  'if (!taken) refuse_character(c, where); } if (local.starts_with' '} if (local.starts_with'
mutate "e-mail addresses: no header in the domain" $address \
  'if (!taken) refuse_character(c, where); } if (label.starts_with' '} if (label.starts_with'
mutate "e-mail addresses: one alone" $address "if (address.find('@', at + 1) != std::string_view::npos)" 'if (false)'
mutate "e-mail addresses: the name says no other" $address \
  "if (name.find('@') != std::string_view::npos && lower(name) != lower(text))" 'if (false)'
mutate "e-mail addresses: lengths" $address 'if (parsed.size() > longest_address)' 'if (false)'
mutate "e-mail addresses: marks without width" $address 'if (!is_dropped(c)) append_utf8(meaning, c);' \
  'append_utf8(meaning, c);'
mutate "e-mail addresses: no IP address" $address \
  'if (domain.find_first_not_of("0123456789", last_dot + 1) == std::string::npos)' 'if (false)'
mutate "e-mail addresses: masked" $address 'address.substr(0, address.size() - rest.size())' 'address.substr(0, at)'
mutate "e-mail addresses: one limit for all tags" $address \
  "if (const auto plus = local.find('+'); plus > 0) local = local.substr(0, plus);" ''
mutate "e-mail addresses: one limit whatever the dots" $address "if (c != '.') key += detail::lower(c);" \
  'key += detail::lower(c);'
tests=tests/email/email_templates.cpp
mail=email/message_template.hpp
mutate "e-mail texts: values are escaped" $mail 'append(html ? escaped<std::string>(*value) : *value);' 'append(*value);'
mutate "e-mail texts: links are escaped" $mail \
  'html_ ? escaped<crypto::SecretString>(link) : crypto::SecretString(link)' 'crypto::SecretString(link)'
mutate "e-mail texts: no value within a tag" $mail 'if (place == Place::tag) refuse(' 'if (false) refuse('
mutate "e-mail texts: no token within a comment" $mail 'if (place == Place::comment || ' 'if ('
mutate "e-mail texts: no token within a style" $mail 'place == Place::comment || place == Place::style)' 'place == Place::comment)'
mutate "e-mail texts: no token within a script" $mail 'raw == "style" || raw == "script";' 'raw == "style";'
mutate "e-mail texts: comments have any apostrophe" $mail 'raw.empty() ? end_of_comment(html, i) : 0; end' '0; end'
mutate "e-mail texts: no comment in a title" $mail 'raw.empty() ? end_of_comment(html, i) : 0; end' \
  'end_of_comment(html, i); end'
mutate "e-mail texts: no comment that others end at once" $mail "rest.starts_with('>') || " ''
mutate "e-mail texts: braces end styles" $mail 'return places.at(offset) == Place::style;' 'return offset > text.size();'
mutate "e-mail texts: and end nothing elsewhere" $mail 'return places.at(offset) == Place::style;' \
  'return offset < text.size() && html;'
mutate "e-mail texts: no tag ends in quotation marks" $mail "quote = c == quote ? '\\0' : quote;" ';'
mutate "e-mail texts: values bring no link" $mail 'if (value.find("://") != std::string::npos)' 'if (false)'
mutate "e-mail texts: both parts have code and link" $mail \
  'if (has_html_ && (html_.has(code) != has_code() || html_.has(link) != has_link()))' 'if (false)'
mutate "e-mail texts: no header in the subject" $mail 'if (mfa::detail::has_control_characters(text, controls))' \
  'if (false)'
mutate "e-mail texts: links over TLS" $mail '!local && (!text.starts_with("https://") ||' '!local && ('
mutate "e-mail texts: no token in the host" $mail \
  'if (path == std::string_view::npos || first_token < path)' 'if (path == std::string_view::npos)'
mutate "e-mail texts: one token in a link" $mail 'if (tokens != 1 || challenges > 1)' 'if (tokens == 0)'

tests=tests/delivery/lost_answers.cpp
mutate "simulated gateways: what is unclear goes to no other provider" $failover 'return send_unclear_twice;' 'return true;'
mutate "simulated gateways: nor again to the same" $retry 'return deduplicates;' 'return true;'
mutate "simulated gateways: tries end with the deadline" $retry 'if (now + wait > deadline_) return std::nullopt;' ''
mutate "simulated gateways: a provider says how long to wait" $retry \
  'std::max(milliseconds(half), milliseconds(asked))' 'milliseconds(half)'
mutate "simulated gateways: one message tries a provider out" delivery/circuit_breaker.hpp 'probing_ = true;' ''
mutate "simulated gateways: what began before says nothing" delivery/circuit_breaker.hpp 'if (era != era_) return;' ''
before_texts="$flags|$libraries" flags="$flags -DMFA_SOURCE_DIRECTORY=\"$PWD\""
tests=tests/sms/segments.cpp segments=sms/segments.hpp message=sms/message_template.hpp
mutate "segments: what one of several holds" $segments 'Encoding::gsm7 ? 153 : 67' 'Encoding::gsm7 ? 160 : 70'
mutate "segments: the extension table counts twice" $segments \
  'if (extension.find(c) != std::u32string_view::npos) return 2;' \
  'if (extension.find(c) != std::u32string_view::npos) return 1;'
mutate "segments: no grave accent" $segments "&& c != '\`'" ''
mutate "segments: what lies beyond U+FFFF counts twice" $segments 'counted.units += c > 0xFFFF ? 2 : 1;' 'counted.units += 1;'
mutate "segments: no character is split" $segments 'if (used + units > room)' 'if (used >= room)'
mutate "segments: a bound" $message 'if (counted.segments > bounds.most_segments)' 'if (false)'
mutate "segments: no code is split" $message \
  'if (segment_of[place] != segment_of[place + bounds.code_digits - 1])' 'if (false)'
mutate "segments: no other place of the code is split" $message 'place += bounds.code_digits;' ''
mutate "previews: characters before the code" $message 'if (before_code < bounds.characters_before_code)' 'if (false)'
tests=tests/sms/catalogue.cpp
mutate "catalogue: parts of a language" sms/catalogue.hpp 'const auto end = range.find_last_of("-_");' \
  'const auto end = std::string_view::npos;'
mutate "catalogue: other names" sms/catalogue.hpp 'if (is(alias.name, range)) name = alias.language;' ''
mutate "catalogue: capitals" sms/catalogue.hpp "static_cast<char>(c - 'A' + 'a')" 'c'
mutate "catalogue: a second language" sms/catalogue.hpp '{language, otherwise, "en"}' '{language, "en", "en"}'
tests=tests/sms/autofill.cpp autofill=sms/autofill.hpp
mutate "autofill: a blank line" $autofill '"\n\n@"' '"\n@"'
mutate "autofill: the last line is the browser's" $autofill \
  'if (!autofill.android_app_hash.empty()) lines.append("\n").append(autofill.android_app_hash);
  if (autofill.host.empty()) return lines;' \
  'if (autofill.host.empty()) return lines.append("\n").append(autofill.android_app_hash);'
mutate "autofill: a frame in a page" $autofill \
  'if (!autofill.embedded_host.empty() && autofill.host.empty())' 'if (false)'
mutate "autofill: one line for browsers" $autofill "text.substr(last + 1).starts_with('@'))" 'false)'
mutate "autofill: no capitals in a host" $autofill "(host[i] >= 'a' && host[i] <= 'z')" \
  "(host[i] >= 'a' && host[i] <= 'z') || (host[i] >= 'A' && host[i] <= 'Z')"
mutate "autofill: no label ends with a hyphen" $autofill "|| host[i - 1] == '-'" ''
mutate "autofill: no empty label" $autofill 'label == 0 || label > longest_label' 'label > longest_label'
mutate "autofill: an app's hash has 11 characters" $autofill 'hash.size() != characters ||' ''
mutate "autofill: 140 bytes for the Retriever" $message 'bounds.most_bytes > 0 && message.size() > bounds.most_bytes' 'false'
mutate "android: a space after the name" sms/android_app_hash.hpp "hashed += ' ';" ''
mutate "android: lower-case hexadecimal" sms/android_app_hash.hpp '"0123456789abcdef"' '"0123456789ABCDEF"'
tests=tests/sms/countries.cpp country=sms/country.hpp
mutate "country: what is nobody's is the first's" $country '|| (country.empty() && each.prefixes.empty())' ''
mutate "country: of the country code alone" $country 'if (each.country_code != country_code) continue;' ''
mutate "country: digits of a list are those that numbers begin with" $country \
  'return !digits.empty() && number.starts_with(digits);' 'return !digits.empty();'
mutate "country: every number" $country 'entry == "*" ||' ''
tests=tests/sms/phone_numbers_of_all_countries.cpp
mutate "one phone, one number: no prefix before too few digits" sms/numbering_plan.hpp \
  'return rest >= plan->fewest && rest' 'return rest'
tests=tests/phonenumber/countries_by_libphonenumber.cpp libraries="$libraries -lphonenumber -lprotobuf"
mutate "country: a prefix of Jamaica" $country '"658 876"' '"876"'
mutate "country: no prefix more of Barbados" $country '"BB", "246"' '"BB", "246 212"'
tests=tests/phonenumber/national_numbers.cpp national=phonenumber/read_phone_number.hpp typed=sms/typed_phone_number.hpp
mutate "phonenumber: a plus sign has no region" $national 'typed.plus || region.empty()' 'region.empty()'
mutate "phonenumber: 00 where it is not dialled" $national 'typed.digits.starts_with("00") &&' 'false &&'
mutate "phonenumber: Argentina" $national 'return is_one ? mobile : number;' 'return number;'
mutate "phonenumber: what cannot exist" $national 'check_exists(number, options.accept_new_ranges);' ''
mutate "phonenumber: new ranges by setting" $national 'if (!accept_new_ranges)' 'if (false)'
mutate "phonenumber: what takes no messages" $national 'check_kind(number, options);' ''
mutate "phonenumber: fixed lines by setting" $national 'if (!options.accept_fixed_lines)' 'if (false)'
mutate "phonenumber: voice over IP by setting" $national 'if (!options.accept_voip)' 'if (false)'
mutate "phonenumber: personal numbers" $national 'case Util::PERSONAL_NUMBER:' 'case Util::PERSONAL_NUMBER: return;'
mutate "phonenumber: a zero that is not clear" $national 'if (read.plus) sms::check_lone_zero' 'if (false) sms::check_lone_zero'
mutate "phonenumber: a region that is one" $national 'if (!region.empty() && util.GetCountryCodeForRegion(region) == 0)' \
  'if (false)'
mutate "phonenumber: an extension" $typed '!digits.empty() && begins_extension(c)' 'false'
mutate "phonenumber: two ends behind a slash" $typed 'if (slash && digits.size()' 'if (false && digits.size()'
flags=${before_texts%%|*} libraries=${before_texts#*|}
tests=tests/simulation/simulated_world.cpp
export MFA_SIMULATED_VERBS=300000
mutate "simulated passkeys: no answer is valid once more after a reset" verbs/user_record.hpp \
  'const bool keeps_record = open.device_id == decision::put_to_no_factor;' 'const bool keeps_record = false;'
mutate "simulated passkeys: no answer is valid once more after a purge" verbs/passkey.hpp \
  'challenge.purge_at = std::max(challenge.purge_at, *challenge.expires_at + std::chrono::hours(24));' ''
unset MFA_SIMULATED_VERBS

before_transports="$flags|$libraries" flags="$flags -DOPENSSL_SUPPRESS_DEPRECATED" libraries="$libraries -lcurl -lssl"
tests=tests/transports/broken_servers.cpp request=http/curl_request.hpp exchange=http/curl_exchange.hpp
mutate "transports: certificates are checked" $exchange 'CURLOPT_SSL_VERIFYPEER, 1L' 'CURLOPT_SSL_VERIFYPEER, 0L'
mutate "transports: and the name in them" $exchange 'CURLOPT_SSL_VERIFYHOST, 2L' 'CURLOPT_SSL_VERIFYHOST, 0L'
mutate "transports: what may have arrived is unclear" http/curl_handles.hpp 'if (all_said) return DeliveryFailure::unclear;' ''
mutate "transports: what cannot have arrived was not sent" http/curl_handles.hpp \
  'if (all_said) return DeliveryFailure::unclear;' 'return DeliveryFailure::unclear;'
mutate "transports: what may have arrived is unclear, without memory too" http/curl_handles.hpp \
  'if (all_said) fail(' 'if (all_said && code != CURLE_OUT_OF_MEMORY) fail('
mutate "transports: and when libcurl cannot go on" http/curl_handles.hpp 'if (!all_said) return;' 'return;'
mutate "transports: libcurl sends nothing again on its own" $request 'if (!has_body_) set(easy, CURLOPT_FRESH_CONNECT, 1L);' ''
mutate "transports: a request without a body that cannot have arrived was not sent" $request \
  'CURLE_OK || sent > 0' 'CURLE_OK || sent >= 0'
mutate "transports: an answer that cannot be read leaves open what became of the message" http/transport.hpp \
  '} catch (const std::exception&) {' '} catch (const std::exception&) { throw;'
mutate "transports: no environment takes a server out of the proxy" $exchange 'set(easy, CURLOPT_NOPROXY, "");' ''
mutate "transports: no broken pipe ends the host" http/broken_pipe.hpp \
  'blocks_ = ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_) == 0;' ''
mutate "transports: a file of authorities is there" http/curl_handles.hpp 'if (!file) refuse(' 'if (false) refuse('
mutate "transports: a proxy's scheme" http/curl_handles.hpp 'if (scheme != std::string_view::npos &&' 'if (false &&'
mutate "transports: redirects are not followed" $request 'CURLOPT_FOLLOWLOCATION, 0L' 'CURLOPT_FOLLOWLOCATION, 1L'
mutate "transports: headers are bounded" $request 'if (line.size() > heard.left_of_headers_) return 0;' ''
mutate "transports: what was cut off is not read" $request 'if (result != CURLE_OK) response_.whole = false;' ''
tests=tests/transports/twilio.cpp before_pages=$flags flags="$flags -DMFA_SOURCE_DIRECTORY=\"$PWD\""
mutate "transports: only a resource that was created is a message taken" http/twilio.hpp \
  'if (response.status == 201) return;' 'if (response.status < 300) return;'
mutate "transports: a provider's own code says more than its status" http/twilio.hpp \
  'failure.value_or(failure_of_status(response.status))' 'failure_of_status(response.status)'
mutate "transports: nobody waits for longer than a day" http/request.hpp "count, 1, 86'400" "count, 1, 86'400'000"
mutate "transports: languages by the names that Twilio has for them" voice/twilio.hpp \
  'append_attribute(say, "language", spoken_language(message.language));' 'append_attribute(say, "language", message.language);'
mutate "transports: a call within Twilio's limit" voice/twilio.hpp 'if (i > 0 && longer > longest_markup) break;' ''
mutate "transports: nobody calls from a name" voice/twilio.hpp \
  'http::check_caller("voice::TwilioSettings::from", settings_.from);' ''
mutate "transports: what is spoken is text" voice/twilio.hpp "to += \"&lt;\"; break;" "to += c; break;"
mutate "transports: a setting has no line end" http/settings.hpp \
  'if (!detail::is_visible_ascii(value)) refuse_setting' 'if (false) refuse_setting'
tests=tests/transports/providers.cpp flags=$before_pages settings=http/settings.hpp
mutate "transports: no placeholder of Sinch's own" sms/sinch.hpp 'if (message.body.view().find("${") != std::string_view::npos)' \
  'if (false)'
mutate "transports: no slash at the end of an address" $settings "if (url.ends_with('/'))" 'if (false)'
mutate "transports: no query in an address" $settings 'if (url.find_first_of("?#") != std::string_view::npos)' 'if (false)'
mutate "transports: ports from 1" $settings "if (number < 1 || number > 65'535)" "if (number > 65'535)"
mutate "transports: ports to 65535" $settings "if (number < 1 || number > 65'535)" 'if (number < 1)'
mutate "transports: ports of digits" $settings \
  'if (detail::is_digits(port) && port.size() <= most_digits)' 'if (port.size() <= most_digits)'
mutate "transports: no port that overflows" $settings \
  'if (detail::is_digits(port) && port.size() <= most_digits)' 'if (detail::is_digits(port))'
mutate "transports: addresses of IPv6 in brackets" $settings "if (!host.starts_with('[') &&" 'if (false &&'
mutate "transports: senders of 11 characters" $settings 'sender.size() <= detail::longest_sender_id && ' ''
mutate "transports: senders without blanks around them" $settings "!sender.starts_with(' ') && !sender.ends_with(' ') &&" ''
mutate "transports: senders with a letter" $settings 'sender.find_first_of(letters) != std::string_view::npos &&' ''
mutate "transports: numbers without spaces" $settings 'return detail::is_digits(sender) && ' 'return '
tests=tests/transports/webhook.cpp
mutate "transports: a webhook's values are escaped" http/json.hpp "if (c == '\"' || c == '\\\\') {" 'if (false) {'
mutate "transports: a webhook's time is signed" http/webhook.hpp "(signed_text += '.') += body;" 'signed_text = body;'
mutate "transports: a header of a webhook that cannot be sent" http/webhook.hpp \
  'for (const Header& header : settings_.headers) check_header("WebhookSettings::headers", header);' ''
mutate "transports: a header with a value" http/settings.hpp 'if (value.empty() || detail::is_blank(value.front())' \
  'if ((false && detail::is_blank(value.front()))'
mutate "transports: a key with a line end" http/webhook.hpp \
  'check_signing_key("WebhookSettings::signing_key", settings_.signing_key);' ''
mutate "transports: a key of bytes" http/settings.hpp 'text.size() != key.size() && detail::is_visible_ascii(text)' \
  'text.size() != key.size()'
mutate "transports: what is secret goes to TLS alone" http/settings.hpp \
  'if (!url.starts_with("https://") && !(url.starts_with("http://") && is_loopback(host_of(url))))' 'if (url.empty())'
mutate "transports: a header has no line end" $request \
  'if (header.value.view().find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)' 'if (false)'
tests=tests/transports/smtp.cpp flags="$flags -DMFA_SOURCE_DIRECTORY=\"$PWD\""
mutate "transports: no recipient is at fault for what a mail server refuses of another thing" email/smtp.hpp \
  'reply.to == recipient && (' '('
mutate "transports: addresses that begin with a hyphen" email/smtp.hpp "address.find('@') == at;" \
  "address.find('@') == at && !address.starts_with('-');"
mutate "transports: the account's quota of the day" email/smtp.hpp 'return DeliveryFailure::balance_empty;' ';'
mutate "transports: TLS from the start on port 465" email/smtp.hpp 'server.ends_with(":465")' 'false'
mutate "transports: STARTTLS on port 587" email/smtp.hpp 'server.ends_with(":587")' 'false'
mutate "transports: a mail server's port" email/smtp.hpp 'http::check_authority("SmtpSettings::server", server);' ''
mutate "transports: blanks around a mail server's user" email/smtp.hpp \
  'if (mfa::detail::trimmed(settings_.user).size() != settings_.user.size())' 'if (false)'
mutate "transports: a mail server is told a name" http/curl_mail.hpp 'if (!mail.hello_name.empty())' 'if (false)'
mutate "transports: the name of a mail's sender" email/smtp.hpp 'settings_.hello_name = domain;' ';'
mutate "transports: the name alone" email/smtp.hpp 'else if (!detail::is_hello_name(settings_.hello_name))' 'else if (false)'
mutate "transports: a name of the sender that is none" email/smtp.hpp 'if (detail::is_hello_name(domain)) settings_' 'settings_'
mutate "transports: a refused name is told" email/smtp.hpp 'if (is_about_hello_name(reply, enhanced))' 'if (false)'
mutate "transports: an address is no name" email/smtp.hpp '"5.5.2" && !says("address rejected")' '"5.5.2"'
mutate "transports: a mail server that refuses the connection is not there" email/smtp.hpp \
  'if (reply.to == connection) return DeliveryFailure::unavailable;' ''
mutate "transports: a mail server that refuses the password refuses the credentials" email/smtp.hpp \
  'if (reply.to == sign_in) return DeliveryFailure::credentials_refused;' ''
mutate "transports: what one mailbox puts off is not the mail server's" email/smtp.hpp 'reply.to == recipient && !of_server' 'false'
mutate "transports: a mail server that puts all off is not there" email/smtp.hpp 'reply.to == recipient && !of_server' \
  'reply.to == recipient'
mutate "transports: a refusal that was overcome is no answer to the mail" http/curl_mail.hpp \
  'return refused_all_ ? std::optional(mail) : std::nullopt;' 'return mail;'
flags=${before_transports%%|*} libraries=${before_transports#*|}

before_workos="$flags|$libraries"
flags="$flags -include mfa/compiled_verbs.hpp"
libraries="tests/support/workos_host.cpp $work/verbs.o $libraries" workos_libraries=$libraries
libraries="tests/support/http_api_host.cpp tests/support/http_api_client.cpp $libraries -lcbor"
# mutate_api RULE HEADER OLD NEW: the same of headers that no verb includes: the verbs are compiled once.
mutate_api() {
  case $1 in *"$only"*) ;; *) return 0 ;; esac
  # shellcheck disable=SC2086
  $dry_run || [ -e "$work/verbs.o" ] || $compiler $flags -Iinclude -c tests/compiled_verbs.cpp -o "$work/verbs.o"
  mutate "$@"
}
exchange=workos/exchange.hpp extension=workos/extension arguments=workos/extension/arguments.hpp

tests=tests/workos/http_api_requests.cpp
mutate_api "http api: a key" $exchange 'if (!has_key && !key_may_be_in_body) {' 'if (false) {'
mutate_api "http api: what is lost is not left out" $arguments \
  'refuse("_must_not_be_empty", name, "must be left out or be a string that is not empty");' ''
mutate_api "http api: a lost text is not left out" $arguments \
  'named(const char* name) { const nlohmann::json* const found = given(name);' \
  'named(const char* name) { const nlohmann::json* const found = find(name);'
mutate_api "http api: a lost flag is not left out" $arguments \
  'flag(const char* name) { const nlohmann::json* const found = given(name);' \
  'flag(const char* name) { const nlohmann::json* const found = find(name);'
mutate_api "http api: a lost number is not left out" $arguments \
  'std::uint64_t most) { const nlohmann::json* const found = given(name);' \
  'std::uint64_t most) { const nlohmann::json* const found = find(name);'
mutate_api "http api: a lost word is not left out" $arguments \
  '-> std::optional<decltype(choices[0].value)> { const nlohmann::json* const found = given(name);' \
  '-> std::optional<decltype(choices[0].value)> { const nlohmann::json* const found = find(name);'
mutate_api "http api: lost words are not left out" $arguments \
  'std::vector<decltype(choices[0].value)> chosen; const nlohmann::json* const found = given(name);' \
  'std::vector<decltype(choices[0].value)> chosen; const nlohmann::json* const found = find(name);'
mutate_api "http api: a lost object is not left out" $arguments \
  'void object(const char* name, Read&& read) { const nlohmann::json* const found = given(name);' \
  'void object(const char* name, Read&& read) { const nlohmann::json* const found = find(name);'
mutate_api "http api: a lost list is not left out" $arguments \
  'Read&& read) { const nlohmann::json* const found = given(name); if (found == nullptr) return; bool fit' \
  'Read&& read) { const nlohmann::json* const found = find(name); if (found == nullptr) return; bool fit'
mutate_api "http api: lost texts are not left out" $arguments \
  'texts; const nlohmann::json* const found = given(name);' 'texts; const nlohmann::json* const found = find(name);'
mutate_api "http api: no member that nobody reads" $arguments 'if (!known_.contains(name)) {' 'if (false) {'
mutate_api "http api: nothing said in the wrong place" $exchange \
  'if (by_body ? !query.empty() : !call_.body.empty()) {' 'if (false) {'
mutate_api "http api: no parameter twice" $exchange 'if (!call_.body.emplace(name, value).second)' \
  'if (call_.body[name] = value; false)'
mutate_api "http api: one of both words" $arguments 'if (challenge_id && is_operator)' 'if (false)'

tests=tests/workos/http_api_factors.cpp
mutate_api "http api: an operator by his name" $arguments 'if (is_operator) return by_operator;' 'return by_operator;'
mutate_api "http api: a factor by who may" $extension/enrollment.hpp 'verbs::enroll_factor<Kind>(run, request, authorization)' \
  'verbs::enroll_factor<Kind>(run, request, by_operator)'
mutate_api "http api: new recovery codes by who may" $extension/enrollment.hpp 'call.route.id, whose, authorization);' \
  'call.route.id, whose, by_operator);'
mutate_api "http api: new recovery codes of nobody else" $extension/enrollment.hpp 'call.route.id, whose, authorization);' \
  'call.route.id, any_user, authorization);'
mutate_api "http api: a deletion by who may" $extension/factors.hpp 'whose, authorization, options);' \
  'whose, by_operator, options);'
mutate_api "http api: a deletion of nobody else's" $extension/factors.hpp 'whose, authorization, options);' \
  'any_user, authorization, options);'
mutate_api "http api: the last factor stays" $extension/factors.hpp \
  'options.refuse_last = arguments.flag("refuse_last");' '(void)arguments.flag("refuse_last");'
mutate_api "http api: a name of nobody else's" $extension/factors.hpp \
  'call.route.id, whose, friendly_name);' 'call.route.id, any_user, friendly_name);'
mutate_api "http api: a look at nobody else's" $extension/factors.hpp \
  'verbs::get_factor(run, call.route.id, whose)' 'verbs::get_factor(run, call.route.id, any_user)'
mutate_api "http api: a confirmation of nobody else's" $extension/verification.hpp \
  'options.user = arguments.whose();' '(void)arguments.whose();'
mutate_api "http api: an import by an operator's word" $extension/imports.hpp 'if (!options.dry_run && !is_operator)' 'if (false)'
mutate_api "http api: an import by no user's word" $extension/imports.hpp \
  'const bool is_operator = arguments.flag("by_operator");' 'const bool is_operator = arguments.authorization().is_by_operator();'
mutate_api "http api: an import of few lines" $extension/imports.hpp \
  'constexpr std::size_t most_lines = 100;' 'constexpr std::size_t most_lines = 1000;'
mutate_api "workos: no security key is asked" workos/factors.hpp 'if (record.type == FactorType::webauthn)' 'if (false)'

tests=tests/workos/http_api_challenges.cpp
mutate_api "http api: a user's own proof" $arguments 'Authorization::of_challenge(*challenge_id)' 'Authorization(by_operator)'
mutate_api "http api: nobody else's" $arguments 'Whose(UserId(*user_id))' 'Whose(any_user)'
mutate_api "http api: a binding is brought again" $extension/verification.hpp \
  'options.binding = arguments.named("binding");' '(void)arguments.named("binding");'
mutate_api "http api: a binding is kept" $extension/challenge_options.hpp \
  'options.binding = arguments.named("binding");' '(void)arguments.named("binding");'
mutate_api "http api: a resend brings the binding" $extension/challenges.hpp \
  'options.binding = arguments.named("binding");' '(void)arguments.named("binding");'
mutate_api "http api: a purpose is asked for again" $extension/verification.hpp '.value_or(options.purpose)' \
  '.value_or(options.purpose); if (options.purpose == Purpose::sign_in) options.purpose = Purpose::step_up'
mutate_api "http api: an action is shown again" $extension/verification.hpp \
  'options.action = arguments.named("action").value_or(std::string());' \
  'if (const auto action = arguments.named("action")) options.action = "pay 100 EUR to Foo Corp";'
mutate_api "http api: what is required" $arguments \
  'required.phishing_resistant = within.flag("phishing_resistant");' '(void)within.flag("phishing_resistant");'
mutate_api "http api: two factors where they are required" $arguments 'required.factors =' '(void)'
mutate_api "http api: a factor is confirmed where it is one" $extension/verification.hpp \
  'if (!call.route.id.starts_with(prefix)) decision::throw_not_found("challenge");' ''
mutate_api "http api: a confirmation by who may" $extension/challenges.hpp \
  'if (confirms) authorization = arguments.authorization();' 'if (confirms) (void)arguments.authorization(), authorization = by_operator;'
mutate_api "http api: a sign-in by nobody's word" $extension/challenges.hpp \
  'if (confirms) authorization = arguments.authorization();' 'authorization = arguments.authorization();'
mutate_api "http api: no enrolment is confirmed by all of a user's keys" $extension/challenges.hpp \
  'Arguments arguments(call.body, call.of_query); ChallengeOptions options = read_challenge_options(arguments, purposes_but_enrollment); options.device_token' \
  'Arguments arguments(call.body, call.of_query); ChallengeOptions options = read_challenge_options(arguments, purposes_of_factor); options.device_token'
mutate_api "http api: an operator unlocks" $extension/operators.hpp 'call.route.id, whose, authorization);' \
  'call.route.id, whose, by_operator);'
mutate_api "http api: an operator unlocks nobody else's" $extension/operators.hpp 'call.route.id, whose, authorization);' \
  'call.route.id, any_user, authorization);'
mutate_api "http api: limits of nobody else's" $extension/operators.hpp \
  'verbs::reset_send_limits(run, call.route.id, whose)' 'verbs::reset_send_limits(run, call.route.id, any_user)'
mutate_api "http api: no message twice by itself" $extension/errors.hpp 'case errc::no_relying_party: return 422;' \
  'case errc::no_relying_party: return 502;'

tests=tests/workos/http_api_users.cpp
mutate_api "http api: a browser by who may" $extension/devices.hpp 'label, authorization, lifetime);' 'label, by_operator, lifetime);'
mutate_api "http api: a browser is forgotten by its user" $extension/devices.hpp \
  'if (!revoked) decision::throw_not_found("device");' '(void)revoked;'
mutate_api "http api: a reset by who may" $extension/users.hpp 'user_id, authorization, options);' 'user_id, by_operator, options);'
mutate_api "http api: the host's policy where none is named" $extension/users.hpp \
  'FactorPolicy policy = call.options.factor_policy;' 'FactorPolicy policy;'
mutate_api "http api: no text of the host's in an event" workos/recent_events.hpp '} catch (...) { json["cause"] = "unknown";' \
  '} catch (const std::exception& thrown) { json["cause"] = thrown.what();'
mutate_api "http api: events that are forgotten are missed" workos/recent_events.hpp \
  'page.missed = seen < forgotten && !id.empty();' ''

tests=tests/workos/workos_hostile_http.cpp libraries=$workos_libraries
mutate_api "workos: a key that is one" workos/api_keys.hpp 'bool accepted = false;' 'bool accepted = true;'
mutate_api "workos: a key of one header" workos/http.hpp 'if (found) return std::nullopt;' ''
mutate_api "workos: a key in the body for signing in alone" $exchange 'routed.route->operation == Operation::authenticate &&' ''
mutate_api "workos: a key in the body where the header has none" $exchange \
  'bearer_token(request.headers).empty();' 'true;'
mutate_api "workos: a client secret that is one" workos/authenticate.hpp \
  'client_secret.empty() ? !has_key : !keys.accept(client_secret)' 'false'
mutate_api "workos: no deep bodies" workos/body.hpp \
  'if (static_cast<std::size_t>(depth) > deepest_body) throw BadBody();' ''
mutate_api "workos: each member once" workos/body.hpp '!names.back().insert(parsed.get<std::string>()).second' 'false'
mutate_api "workos: no NUL in a body" workos/body.hpp "if (body.find('\\0') != std::string_view::npos) return std::nullopt;" ''
mutate_api "workos: no long bodies" $exchange 'request.body.size() > api_.options.longest_body' 'false'
mutate_api "workos: a target of ASCII" workos/route.hpp "c <= ' ' || c > '~' ||" ''
mutate_api "workos: no long targets" workos/route.hpp '|| target.size() > detail::longest_target' ''
mutate_api "workos: ids of UTF-8" workos/route.hpp 'if (!mfa::detail::is_utf8(decoded)) return std::nullopt;' ''
mutate_api "workos: no id that a client made up" workos/errors.hpp 'const bool well_formed = mfa::detail::is_id(id, prefix);' \
  'const bool well_formed = true;'
mutate_api "workos: no header that a client made up" workos/http.hpp 'if (fit) return std::string(given);' \
  'if (!given.empty()) return std::string(given);'
mutate_api "workos: failures say nothing of the host" workos/errors.hpp \
  'Reply reply = refusal(503, "The service cannot answer at the moment.");' 'Reply reply = refusal(503, error.what());'
mutate_api "workos: a cursor is an id" workos/user_management.hpp 'if (!mfa::detail::is_id(value, mfa::detail::factor_id_prefix))' 'if (false)'
mutate_api "workos: another enrolment is none that is sent again" workos/user_management.hpp 'if (!alike || !secret ||' 'if (!secret ||'

tests=tests/workos/workos_api.cpp
mutate_api "workos: nobody signs in with a factor that he just enrolled" workos/authenticate.hpp \
  'signs_in = user.may_enroll && !has_another;' 'signs_in = !has_another;'
mutate_api "workos: nor while he has another, whatever the token says" workos/authenticate.hpp \
  'signs_in = user.may_enroll && !has_another;' 'signs_in = user.may_enroll;'
mutate_api "workos: nobody signs in by another's factor" workos/authenticate.hpp 'const Whose whose = UserId(user.user_id);' \
  'const Whose whose = any_user;'
mutate_api "workos: nobody signs in by a wrong code" workos/authenticate.hpp \
  'if (auto refused = grant_refusal_of(made)) co_return *std::move(refused);' '(void)grant_refusal_of;'
mutate_api "workos: a pending sign-in ends once" $exchange 'reply_ = body ? reply_with(200, *std::move(body)) : invalid_pending_token();' \
  'reply_ = reply_with(200, body ? *std::move(body) : Json::object());'
mutate_api "workos: the host's own client" workos/authenticate.hpp \
  '!options.client_id.empty() && client_id != options.client_id' 'false'
mutate_api "workos: no kinds that SDKs do not know" workos/factors.hpp \
  'if (!is_known(record.type)) decision::throw_not_found("factor");' ''
mutate_api "workos: no kinds in a list that SDKs do not know" workos/user_management.hpp 'return !is_known(record.type);' 'return false;'
mutate_api "workos: none is named to show that cannot be asked" workos/sign_in_refusals.hpp \
  'if (factor.verified() && detail::is_known(factor.type()) &&' 'if ('
mutate_api "workos: nothing with which SDKs try again" workos/errors.hpp \
  '422, error.code() == errc::invalid_argument' '429, error.code() == errc::invalid_argument'
mutate_api "workos: too many codes are no reason to try again" workos/verification.hpp 'return too_many_attempts(400, attempt.retry_after);' \
  'return too_many_attempts(429, attempt.retry_after);'
mutate_api "workos: a locked factor is no reason to try again" workos/errors.hpp \
  'return too_many_attempts(422, error.retry_after());' 'return too_many_attempts(429, error.retry_after());'
mutate_api "workos: secrets are kept by nobody" workos/http.hpp 'response.headers.emplace_back("Cache-Control", "no-store");' ''
tests=tests/workos/workos_options.cpp
mutate_api "channels over HTTP: a host that only calls is asked" workos/call.hpp \
  'factor::sms_channels(asked, options)' 'asked.empty() ? std::vector<Channel>{Channel::sms} : asked'
mutate_api "channels over HTTP: no look where all can be sent" $extension/challenges.hpp \
  'return !call.options.unavailable_channels.empty();' 'return !call.sends_sms || !call.sends_email;'
mutate_api "channels over HTTP: nothing is said of another's challenge" $extension/challenges.hpp \
  'if (!bound_alike || !whose.include(found->factor->user_id)) co_return std::nullopt;' '(void)bound_alike;'
mutate_api "workos: masked where the host says so" workos/resources.hpp \
  'if (options.mask_phone_numbers) return factor.sms()->phone_number;' ''
mutate_api "workos: short secrets where the host says so" workos/user_management.hpp \
  'request.accept_short_secret = call.options.accept_short_secrets;' 'request.accept_short_secret = true;'
flags=${before_workos%%|*} libraries=${before_workos#*|}

before_portal="$flags|$libraries|$tests" folder=examples/portal tests=$work/tests/portal/portal_over_http.cpp
$dry_run || flags="$flags $(pkg-config --cflags cpp-httplib)" libraries="$libraries $(pkg-config --libs cpp-httplib)"
flags="$flags -DMFA_SOURCE_DIRECTORY=\"$PWD\" -include $work/tests/portal/not_of_the_portal.hpp"
libraries="$libraries -lcbor -lsqlite3 -pthread"
portal_is_ready=$dry_run
portal() { # as `mutate`; what the portal includes is compiled once for all of them
  case $1 in *"$only"*) ;; *) return 0 ;; esac
  if ! $portal_is_ready; then
    mkdir -p "$work/tests" && cp -r tests/portal "$work/tests"
    sed -n '/^#include <[a-z]*[/.]/p' examples/portal/*.hpp examples/portal/*/*.hpp tests/portal/portal*.hpp |
      sort -u >"$work/tests/portal/not_of_the_portal.hpp"
    echo '#include "support/catch.hpp"' >>"$work/tests/portal/not_of_the_portal.hpp"
    # shellcheck disable=SC2086
    $compiler ${flags%% -include*} -Iinclude -x c++-header "$work/tests/portal/not_of_the_portal.hpp"
    portal_is_ready=true
  fi
  mutate "$@"
}
session=session.hpp site=site.hpp account=journeys/account.hpp
portal "portal: a form brings its session's token" $site \
  'if (changes && !mfa::crypto::equal(call.param("csrf"), call.session.csrf)) return out_of_date(call);' ''
portal "portal: a token ends with what was shown" $session 'session.csrf = random_id(); const' 'const'
portal "portal: a new session for a password" $site \
  'if (!sessions.renew(session, call.now)) return signed_out_meanwhile(call); const bool asks' 'const bool asks'
portal "portal: a new session for a factor" $site \
  'if (!sessions.renew(session, call.now)) return signed_out_meanwhile(call); note(call, "signed_in"); Answer answer' \
  'note(call, "signed_in"); Answer answer'
portal "portal: a new session for a new user" $account \
  'site.sessions.renew(call.session, call.now); site.note(call, "signed_up");' 'site.note(call, "signed_up");'
portal "portal: a new session for a new password" $account \
  'site.sessions.renew(call.session, call.now); const std::size_t ended' 'const std::size_t ended'
portal "portal: a new session for an operator" journeys/operator.hpp \
  'call.session.is_operator = true; site.sessions.renew(call.session, call.now);' 'call.session.is_operator = true;'
portal "portal: who signs out is nobody" $account \
  'call.session.nobody(); call.session.is_operator = false;' 'call.session.is_operator = false;'
portal "portal: who signs out is no operator" $account \
  'call.session.nobody(); call.session.is_operator = false;' 'call.session.nobody();'
portal "portal: a session alone ends" $session 'now - kept.used > longest_idle ||' ''
portal "portal: a session ends" $session '|| now - kept.began > longest' ''
portal "portal: a former id is a stranger's" $site 'is_too_late = sessions.find(brought, at) != session;' ''
portal "portal: strangers end no session of a user" $session \
  'return a_is_known != b_is_known ? b_is_known : a.used < b.used;' 'return a.used < b.used;'
portal "portal: a new password ends other sessions" $account \
  'const std::size_t ended = site.sessions.end_others(call.user->id, call.session.id);' 'const std::size_t ended = 1;'
portal "portal: a new password ends what was shown" $account \
  'call.session.shown.clear(); // it has ended what was shown as well call.session.shown_at.reset();' ''
portal "portal: the first factor ends sessions of a password" $site \
  'if (verified_factors(call.user->id).size() == 1)' 'if (false)'
portal "portal: signed out everywhere" $account \
  'site.sessions.end_others(call.user->id, call.session.id); // also of whom a device signs in just now' ''
portal "portal: signed out while signing in" $session \
  'if (was_ended(session.user_id, session.ends_seen)) return false;' ''
portal "portal: signed out while signing in, and many others" $session 'return since < all_ended_ ||' 'return'
portal "portal: a request knows when it began" $site 'session->ends_seen = sessions.ends();' ''
portal "portal: forgotten everywhere" $account \
  'site.verifier.revoke_devices(call.user->id, {.event_context = call.context()});' ''
portal "portal: a reset ends sessions" journeys/operator.hpp 'site.sessions.end_others(user->id, call.session.id);' ''
portal "portal: no browser is remembered unasked" journeys/trusted_browsers.hpp \
  'if (call.param("remember") != "yes") return;' ''

portal "portal: half a sign-in is none" $site \
  'if (session.stage == Stage::password_shown) return instead("/sign-in/second-step");' ''
portal "portal: nobody is not signed in" $site \
  'if (session.stage == Stage::nobody) { if (call.request.method == "GET")' 'if (false) { if (call.request.method == "GET")'
portal "portal: a second step has a first" $site \
  'if (session.stage == Stage::password_shown) return std::nullopt;' 'return std::nullopt;'
portal "portal: operators only" $site \
  'return session.is_operator ? std::nullopt : std::optional(instead("/operator/sign-in"));' 'return std::nullopt;'
portal "portal: the deadline" $site \
  'if (access == Access::signed_in && !requirement(*call.user).lets_pass()) return instead("/security");' ''
portal "portal: the last factor stays after it" journeys/security.hpp \
  '.refuse_last = !site.may_have_none(*call.user),' ''
portal "portal: nothing is enrolled by an old session" $site \
  'if (when && mfa::is_fresh(*when, verifier.options().authorization_lifetime, clock_->now()))' 'if (when)'
portal "portal: no app without a fresh password" journeys/authenticator_app.hpp \
  'if (auto ask = site.ask_first(call, "/security/app")) return *std::move(ask);' ''
portal "portal: no message without one" journeys/phone_and_mailbox.hpp \
  'Answer send(Call& call) { if (auto ask = site_->ask_first(call, kind_.path)) return *std::move(ask);' \
  'Answer send(Call& call) {'
portal "portal: no passkey without one" journeys/ceremonies.hpp 'if (auto first = site.ask_first(call, page))' \
  'if (auto first = std::optional<Answer>())'
portal "portal: a factor is not replaced by the password" journeys/second_step.hpp \
  'if (!site.verified_factors(call.user->id).empty()) return go_to("/step-up");' ''
portal "portal: the password is looked at" journeys/second_step.hpp 'if (!answer.user) return refuse(call,' \
  'if (false) return refuse(call,'
portal "portal: a password changes by the one before" $account \
  'if (!answer.user) flash.problems.push_back({answer.wait' 'if (false) flash.problems.push_back({answer.wait'
portal "portal: the address after a question" $account \
  'return go_to(by_factor ? "/step-up" : "/step-up/password");' 'return site.seams.actions["change_email"](call);'
portal "portal: a code is of its own journey" journeys/phone_and_mailbox.hpp \
  'call.session.enrolling.path == kind_.path &&' ''
portal "portal: what changes is told" $site 'inbox.send(mail);' ''

portal "portal: no script reads the cookie" $site '; Path=/; HttpOnly; SameSite=Lax' '; Path=/; SameSite=Lax'
portal "portal: no other site sends it" $site '; Path=/; HttpOnly; SameSite=Lax' '; Path=/; HttpOnly'
portal "portal: the cookie goes over TLS" $site 'if (is_secure()) text += "; Secure";' ''
portal "portal: the cookie is the host's" $site 'return is_secure() ? "__Host-" + name : name;' 'return name;'
portal "portal: TLS from now on" $site \
  'if (is_secure()) headers.emplace("Strict-Transport-Security", "max-age=31536000");' ''
portal "portal: nothing but its own" $site "\"default-src 'none'; " '"'
portal "portal: no script of others" $site "script-src 'self'; " "script-src 'self' 'unsafe-inline'; "
portal "portal: no form to others" $site "\"form-action 'self'; " '"'
portal "portal: no frame" $site "frame-ancestors 'none'; " ''
portal "portal: no frame in old browsers" $site '{"X-Frame-Options", "DENY"},' ''
portal "portal: no other base" $site "; base-uri 'none'" ''
portal "portal: types are said" $site '{"X-Content-Type-Options", "nosniff"},' ''
portal "portal: addresses are told to nobody" $site '{"Referrer-Policy", "no-referrer"},' ''
portal "portal: no window of others" $site '{"Cross-Origin-Opener-Policy", "same-origin"},' ''
portal "portal: no resource for others" $site '{"Cross-Origin-Resource-Policy", "same-origin"},' ''
portal "portal: pages are kept nowhere" $site 'response.headers.emplace("Cache-Control", "no-store");' ''
portal "portal: on its own site" $site 'return local ? path : "/";' 'return path;'
portal "portal: the inbox is of this machine" $site '|| (here && seen_here) ?' '|| seen_here ?'
portal "portal: the inbox is of its browsers" $site '|| (here && seen_here) ?' '|| here ?'
portal "portal: sessions keep little" $site 'keep_little(*session);' ''
portal "portal: sessions keep short paths" $site 'path.size() <= longest &&' ''
portal "portal: nobody's password is as slow" journeys/account.hpp 'if (!answer.wait)' 'if (!answer.whose.empty())'
portal "portal: text is no markup" page.hpp 'return escaped(text);' 'return std::string(text);'
portal "portal: what failed is told to nobody outside" $site \
  'response.status = 500; response.body.clear();' 'response.status = 500; response.set_header("EXCEPTION_WHAT", "portal_users");'
portal "portal: the inbox of all is a choice" journeys/overview.hpp \
  'if (site.settings.messages != Messages::on_page) return;' ''
portal "portal: a file of codes alone" journeys/recovery_codes.hpp "else if (c != '\\r')" "else if (c == '<')"

passwords=passwords.hpp users=users.hpp
portal "portal: short passwords" $passwords 'if (static_cast<std::size_t>(characters) < shortest)' 'if (password.empty())'
portal "portal: characters are counted" $passwords 'return (static_cast<unsigned char>(c) & 0xC0) != 0x80;' 'return c != 0;'
portal "portal: long passwords" $passwords 'if (password.size() > longest)' 'if (false)'
portal "portal: common passwords" $passwords \
  'if (std::find(commonest.begin(), commonest.end(), plain) != commonest.end())' 'if (false)'
portal "portal: one's own address" $passwords 'if (plain == in_small_letters(std::string(email)))' 'if (false)'
portal "portal: a salt of its own" $passwords 'const std::string salt = random_id();' 'const std::string salt(32, 48);'
portal "portal: the cost of a password" $site 'unsigned password_cost = 15;' 'unsigned password_cost = 10;'
portal "portal: nobody has no password" $passwords '&& !stored.empty();' ';'
portal "portal: guesses slow down" $users 'if (until > at) return' 'if (false) return'
portal "portal: a changed password is not compared" $users \
  'if (database_->changes() != 1) return answer; // it was changed while this one was compared' ''
portal "portal: an operator has a password" journeys/operator.hpp \
  'if (wait || !mfa::crypto::equal(call.param("password"), site.settings.operator_password)) {' 'if (wait) {'
portal "portal: guesses at it slow down" journeys/operator.hpp \
  'if (wait || !mfa::crypto::equal' 'if (!mfa::crypto::equal'
portal "portal: no operator without one" journeys/operator.hpp \
  'if (site.settings.operator_password.empty()) return;' ''
portal "portal: a file is its owner's" storage.hpp 'const mode_t before = ::umask(0077);' 'const mode_t before = ::umask(0022);'
flags=${before_portal%%|*} libraries=${before_portal#*|} tests=${libraries#*|} libraries=${libraries%%|*} folder=include/mfa
rm -rf "$work/examples"

tests=tests/races/fork.cpp
mutate "fork: pools are one process'" storage/pool.hpp 'home_.require_here(user_);' ''
mutate "fork: what is inherited is left alone" storage/process.hpp 'if (home_.is_here())' 'if (home_.is_here() || true)'
tests=tests/storage/sqlite/fork_on_sqlite.cpp
mutate "fork: no file that was open" storage/sqlite/connection.hpp 'OpenFile::check(file_);' ''
tests=tests/storage/sqlite/damaged_records_in_sqlite.cpp
mutate "records: a scan goes on" storage/sqlite.hpp 'detail::sqlite::read_factor_if_readable' 'detail::sqlite::read_factor'
tests=tests/storage/redis/fork_on_redis.cpp libraries="$libraries -lhiredis"
mutate "redis: no other record" storage/redis/records.hpp 'if (sized_text(bytes) != id)' 'if (sized_text(bytes).empty())'
tests=tests/storage/redis/redis_durability.cpp
mutate "redis: no half of a batch for want of a right" storage/redis/opening.hpp \
  '(void)ask("open", {"EVAL", std::string(scripts::try_rights), "1", keys.factors, keys.prefix});' ''
tests=tests/storage/redis/redis_faults.cpp
mutate "redis: no replica behind a later connection" storage/redis/opening.hpp \
  'if (opened.requires_primary) client.require_primary();' ''
mutate "redis: who is turned away is not told of a wrong password" storage/redis/server.hpp \
  'if (reply.is_error() && turns_away(reply.text())) fail("connect to", reply.text());' ''

tests=tests/storage/postgres/postgres_search_path.cpp flags="$flags $(pkg-config --cflags libpq)" libraries="$libraries -lpq"
mutate "postgres: search path of sessions" storage/postgres/connection.hpp \
  "set_config('search_path', 'pg_catalog, pg_temp', false)" "set_config('application_name', 'mfa', false)"
mutate "postgres: search path of the function" storage/postgres/schema.hpp \
  'plpgsql SET search_path = pg_catalog, pg_temp AS' 'plpgsql AS'
mutate "postgres: schemas in the view" storage/postgres/schema.hpp 'pg_catalog.convert_from(user_id' 'convert_from(user_id'
mutate "postgres: our commit" storage/postgres/statements.hpp '"::pg_catalog.bytea"' '""'
mutate "postgres: a closed schema" storage/postgres/database.hpp 'require_closed(*first, statements_.schema);' ''
tests=tests/storage/postgres/pgbouncer_before_postgres.cpp
mutate "postgres: no pool of transactions" storage/postgres/database.hpp \
  'require_session(*first, conninfo_, timeouts_);' ''
mutate "postgres: statements of one connection" storage/postgres/connection.hpp \
  'return statement_prefix_ + statement.name;' 'return std::string("mfa_") + statement.name;'
tests=tests/async/postgres/async_postgres_faults.cpp
mutate "awaited postgres: no connection in the middle of a request" storage/postgres/connection.hpp \
  'PQtransactionStatus(handle()) == PQTRANS_IDLE &&' ''
tests=tests/async/postgres/async_postgres.cpp
mutate "awaited postgres: who is destroyed while a server is silent lets the next try another" \
  storage/postgres/connection.hpp '(number_ + 1) % servers_' 'number_ % servers_'
mutate "awaited postgres: turns in the order of coming" async/pool.hpp \
  'waiters_.insert(pool_.waiters_.end(), this)' 'waiters_.insert(pool_.waiters_.begin(), this)'
mutate "awaited postgres: who is destroyed leaves its turn to the next" async/pool.hpp \
  'if (served_) pool_.give_back(std::move(object_));' ''
mutate "awaited postgres: connections are one process'" async/pool.hpp 'home_.require_here(user_);' ''
tests=tests/storage/redis/redis_cluster.cpp
mutate "awaited redis: who is destroyed while a node is silent lets the next try the named one" \
  async/redis/pipeline.hpp 'pipeline_.give_up_connecting();' 'pipeline_.disconnect();'
tests=tests/async/redis/async_redis_faults.cpp
mutate "awaited redis: a commit that nobody waits for is not sent later" async/redis/pipeline.hpp \
  'if (sent_ < unsent_.size()) forget_unsent();' ''
mutate "awaited redis: nor if an open connection had not taken it" async/redis/pipeline.hpp \
  'if (sent_ < unsent_.size()) forget_unsent();' 'if (state_ == State::unconnected) forget_unsent();'
mutate "awaited redis: nor if its task was alone" async/redis/pipeline.hpp \
  'if (waiter.must_drive_ || !is_driven_) hand_over(awakening);' 'if (waiter.must_drive_) hand_over(awakening);'

folder=examples/server tests=$work/tests/server/webhook_outbox.cpp outbox=webhook_outbox.hpp libraries="$libraries -lsqlite3"
$dry_run || { mkdir -p "$work/tests" && cp -r tests/server "$work/tests"; }
mutate "server: events are saved before they are answered" $outbox 'while (saved_ < mine && !refusing_) {' 'while (false) {'
mutate "server: events are nobody else's" $outbox \
  'const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);' \
  'const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);'
mutate "server: events are of one process" $outbox '::flock(descriptor_, LOCK_EX | LOCK_NB) != 0' 'false'
mutate "server: what nobody takes is given up in time" $outbox \
  '"UPDATE deliveries SET attempts = attempts + 1, due_at = ?2 WHERE sequence = ?1 AND" " give_up_at > ?2"' \
  '"UPDATE deliveries SET attempts = attempts + 1, due_at = ?2 WHERE sequence = ?1 AND" " give_up_at < ?2"'

echo "$rules edits, $unnoticed not noticed"
[ "$unnoticed" = 0 ]
