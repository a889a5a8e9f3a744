#pragma once

// Included by one source of a program, it compiles the verbs, the checks of the options and storage::Memory
// for those that include <mfa/compiled_verbs.hpp>.

#include <mfa/compiled_verbs.hpp>

template struct mfa::detail::Settings<>;
template class mfa::storage::BasicMemory<32>;

namespace mfa::verbs {

template Verb<storage::CounterRecord> find_counter<Run>(const Run&, const factor::CounterIds&);
template Verb<FoundCounters> find_counters<Run>(const Run&, const std::vector<factor::CounterIds>&);
template Verb<void> refuse<Run>(const Run&, const storage::FactorRecord&, std::vector<storage::CounterRecord>,
                                const factor::Refusal&, Time);
template Verb<Created> ask<Run>(const Run&, std::string_view, const Whose&, const ChallengeOptions&,
                                const Authorization&);
template Verb<std::vector<storage::FactorRecord>>
check_may_confirm<Run>(const Run&, const storage::FactorRecord&, const Authorization&,
                       const decision::UserRecord&, const factor::Context&);
template Verb<Created> challenge_user<Run>(const Run&, const UserId&, const ChallengeOptions&);
template Verb<Created> challenge_passkey<Run>(const Run&, const ChallengeOptions&);
template Verb<std::optional<Status>> find_named_factor<Run>(const Run&, const PasskeyChallenge&,
                                                            std::string_view, const factor::Context&,
                                                            std::optional<storage::FactorRecord>&);
template Verb<std::optional<Verification>> take_up<Run>(const Run&, std::string_view, std::string_view,
                                                        const VerifyOptions&, const factor::Context&,
                                                        std::optional<storage::ChallengeWithFactor>&);
template Verb<storage::CounterRecord> admit_taken_up<Run>(const Run&, const storage::FactorRecord&,
                                                          const storage::ChallengeRecord&,
                                                          decision::ChallengeTerms&, const factor::Context&,
                                                          storage::Batch&);
template Verb<Created> challenge_factor<Run>(const Run&, std::string_view, const Whose&,
                                             const ChallengeOptions&);
template Verb<Created> challenge_enrollment<Run>(const Run&, std::string_view, const Whose&,
                                                 const ChallengeOptions&, const Authorization&);
template Verb<std::optional<std::string>> authorize<Run>(const Run&, const Authorization&, std::string_view,
                                                         const decision::UserRecord&, const factor::Context&);
template Verb<std::optional<std::string>> authorize<Run>(const Run&, const Authorization&, std::string_view,
                                                         const factor::Context&);
template Verb<void> authorize<Run>(const Run&, const Authorization&, std::string_view, const factor::Context&,
                                   storage::Batch&);
template Verb<std::optional<storage::ChallengeWithFactor>> find_challenge_and_factor<Run>(const Run&,
                                                                                          std::string_view);
template Verb<void> credit_answer<Run>(const Run&, const decision::ChallengeTerms&,
                                       const storage::ChallengeRecord&, storage::Batch&);
template Verb<Verification> attempt<Run>(const Run&, std::string_view, std::string_view,
                                         const VerifyOptions&);
template Verb<Confirmation> confirm_enrollment<Run>(const Run&, std::string_view, std::string_view,
                                                    const VerifyOptions&);
template Verb<void> give_back<Run>(const Run&, const Counted&);
template Verb<bool> note_channel<Run>(const Run&, std::string_view, Channel, FactorType);
template Verb<Channel> send<Run>(const Run&, OutgoingMessage, Event, const Counted&, const Withdrawal&,
                                 const std::vector<factor::Delivery>&);
template Verb<Channel> send<Run>(const Run&, OutgoingMessage, Event, const Counted&, const ResentChallenge&,
                                 const std::vector<factor::Delivery>&);
template Verb<bool> take_back<Run>(const Run&, const ResentChallenge&);
template Verb<void> check_guesses<Run>(const Run&, FoundUser&, const factor::Context&);
template Verb<void> count_for_user<Run>(const Run&, FoundUser&, const storage::FactorRecord&,
                                        const factor::Context&);
template Verb<Created> resend_challenge<Run>(const Run&, std::string_view, const Whose&,
                                             const ResendOptions&);
template Verb<bool> withdraw<Run>(const Run&, std::string_view);
template Verb<bool> is_claimed<Run>(const Run&, const std::vector<std::string>&);
template Verb<std::vector<storage::Removal>> removals_of_claims<Run>(const Run&,
                                                                     const storage::FactorRecord&);
template Verb<Remaining> delete_factor<Run>(const Run&, std::string_view, const Whose&, const Authorization&,
                                            const DeleteOptions&);
template Verb<void> remove_factor<Run>(const Run&, const storage::FactorRecord&, decision::UserRecord&,
                                       const factor::Context&, storage::Batch&);
template Verb<FactorDetails> rename_factor<Run>(const Run&, std::string_view, const Whose&, std::string_view);
template Verb<UserReset> reset_user<Run>(const Run&, const UserId&, const Authorization&,
                                         const ResetOptions&);
template Verb<std::vector<StoredDevice>> find_all_devices<Run>(const Run&, std::string_view,
                                                               storage::CounterRecord&);
template Verb<RememberedDevice> remember_device<Run>(const Run&, const UserId&, std::string_view,
                                                     const Authorization&, std::chrono::seconds);
template Verb<std::optional<StoredDevice>> find_device<Run>(const Run&, std::string_view, std::string_view,
                                                            const factor::Context&, std::string&);
template Verb<std::optional<TrustedDevice>> check_device<Run>(const Run&, std::string_view, const UserId&);
template Verb<std::vector<TrustedDevice>> list_devices<Run>(const Run&, const UserId&);
template Verb<std::size_t> revoke_devices<Run>(const Run&, const UserId&, std::optional<std::string_view>,
                                               std::string_view, bool);
template Verb<bool> revoke_device<Run>(const Run&, const UserId&, std::string_view);
template Verb<FoundUser> find_user<Run>(const Run&, std::string_view, std::string_view);
template Verb<void> check_are_new<Run>(const Run&, const std::vector<storage::FactorRecord>&);
template Verb<void> begin<Run>(const Run&, const std::string&, const Authorization&, const factor::Context&,
                               Enrolling&);
template Verb<storage::CounterRecord> end_enrollment<Run>(const Run&, const storage::FactorRecord&,
                                                          const factor::Context&);
template Verb<std::string> asking_device<Run>(const Run&, std::string_view, std::string_view,
                                              const factor::Context&);
template Verb<std::optional<storage::CounterRecord>> count_wrong_code<Run>(const Run&, std::string_view,
                                                                           std::string_view, Time, bool&);
template Verb<bool> is_still_trusted<Run>(const Run&, std::string_view, std::string_view, Time);
template Verb<std::size_t> password_changed<Run>(const Run&, const UserId&);
template Verb<std::exception_ptr> count_wrong_code<Run>(const Run&, storage::FactorRecord&,
                                                        storage::ChallengeRecord&,
                                                        const decision::ChallengeTerms&,
                                                        const factor::Context&, bool, decision::Verdict&,
                                                        storage::Batch&);
template Verb<void> compare_options<Run>(const Run&, bool);
template Verb<void> commit_new<Run>(const Run&, const std::vector<storage::FactorRecord>&);
template Verb<Enrolled<factor::TotpKind>> enroll_factor<factor::TotpKind, Run>(const Run&, const Totp&,
                                                                               const Authorization&);
template Verb<Enrolled<factor::SmsKind>> enroll_factor<factor::SmsKind, Run>(const Run&, const Sms&,
                                                                             const Authorization&);
template Verb<Enrolled<factor::GenericOtpKind>>
enroll_factor<factor::GenericOtpKind, Run>(const Run&, const GenericOtp&, const Authorization&);
template Verb<Enrolled<factor::HotpKind>> enroll_factor<factor::HotpKind, Run>(const Run&, const Hotp&,
                                                                               const Authorization&);
template Verb<Enrolled<factor::RecoveryCodesKind>>
enroll_factor<factor::RecoveryCodesKind, Run>(const Run&, const RecoveryCodes&, const Authorization&);
template Verb<Enrolled<factor::WebAuthnKind>>
enroll_factor<factor::WebAuthnKind, Run>(const Run&, const WebAuthn&, const Authorization&);
template Verb<Enrolled<factor::EmailKind>> enroll_factor<factor::EmailKind, Run>(const Run&, const Email&,
                                                                                 const Authorization&);
template Verb<Enrolled<factor::RecoveryCodesKind>>
regenerate_recovery_codes<Run>(const Run&, std::string_view, const Whose&, const Authorization&);
template Verb<crypto::SecretString> unsafe_export_otpauth_uri<Run>(const Run&, std::string_view,
                                                                   const Whose&);
template Verb<std::optional<storage::ChallengeWithFactor>> find_challenge_then_factor<Run>(const Run&,
                                                                                           std::string_view);
template Verb<FactorDetails> get_factor<Run>(const Run&, std::string_view, const Whose&);
template Verb<std::vector<FactorDetails>> describe<Run>(const Run&,
                                                        const std::vector<storage::FactorRecord>&);
template Verb<std::vector<FactorDetails>> list_factors<Run>(const Run&, const UserId&);
template Verb<std::vector<FactorDetails>> list_factors<Run>(const Run&, const UserId&, const Page&);
template Verb<ChallengeDetails> get_challenge<Run>(const Run&, std::string_view, const Whose&);
template Verb<void> emit_run<Run>(const Run&, EventType, std::size_t, Time);
template Verb<std::size_t> purge_expired<Run>(const Run&);
template Verb<bool> reseal_changed<Run>(const Run&, const storage::FactorRecord&);
template Verb<void> commit_resealed<Run>(const Run&, std::vector<storage::FactorRecord>, ResealProgress&);
template Verb<void> reseal_counter<Run>(const Run&, const std::string&, const std::string&);
template Verb<void> reseal_counters<Run>(const Run&, const LastingCounters&, ResealProgress&);
template Verb<void> reseal_pages<Run>(const Run&, const ResealOptions&, ResealProgress&);
template Verb<ResealProgress> reseal_all<Run>(const Run&, const ResealOptions&);
template Verb<KeyCounts> count_keys<Run>(const Run&);
template Verb<void> unlock_factor<Run>(const Run&, std::string_view, const Whose&, const Authorization&);
template Verb<bool> reset_counts<Run>(const Run&, const std::vector<std::string>&,
                                      const storage::FactorRecord*, const Event&);
template Verb<bool> reset_sms_limits<Run>(const Run&, std::string_view);
template Verb<bool> reset_sms_budgets<Run>(const Run&, std::string_view);
template Verb<bool> report_delivery<Run>(const Run&, std::string_view, DeliveryReport);
template Verb<bool> reset_send_limits<Run>(const Run&, std::string_view, const Whose&);
template Verb<Verification> verify_challenge<Run>(const Run&, std::string_view, std::string_view,
                                                  const VerifyOptions&);

} // namespace mfa::verbs
