#pragma once

// Included by sources that use a verifier, it spares each of them the compiling of the verbs, of the checks
// of the options and of storage::Memory: one source of the program includes <mfa/compile_verbs.hpp> and has
// them. Optional.

#include <mfa/delivery_report.hpp>
#include <mfa/policies.hpp>
#include <mfa/storage/memory.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/compare_options.hpp>
#include <mfa/verbs/delete_factor.hpp>
#include <mfa/verbs/devices.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/export.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/maintenance.hpp>
#include <mfa/verbs/recovery_codes.hpp>
#include <mfa/verbs/rename_factor.hpp>
#include <mfa/verbs/report_delivery.hpp>
#include <mfa/verbs/resend.hpp>
#include <mfa/verbs/reset_user.hpp>
#include <mfa/verbs/rotation.hpp>
#include <mfa/verbs/unlock.hpp>
#include <mfa/verbs/verify.hpp>

extern template struct mfa::detail::Settings<>;
extern template class mfa::storage::BasicMemory<32>;

namespace mfa::verbs {

extern template Verb<storage::CounterRecord> find_counter<Run>(const Run&, const factor::CounterIds&);
extern template Verb<FoundCounters> find_counters<Run>(const Run&, const std::vector<factor::CounterIds>&);
extern template Verb<void> refuse<Run>(const Run&, const storage::FactorRecord&,
                                       std::vector<storage::CounterRecord>, const factor::Refusal&, Time);
extern template Verb<Created> ask<Run>(const Run&, std::string_view, const Whose&, const ChallengeOptions&,
                                       const Authorization&);
extern template Verb<std::vector<storage::FactorRecord>>
check_may_confirm<Run>(const Run&, const storage::FactorRecord&, const Authorization&,
                       const decision::UserRecord&, const factor::Context&);
extern template Verb<Created> challenge_user<Run>(const Run&, const UserId&, const ChallengeOptions&);
extern template Verb<Created> challenge_passkey<Run>(const Run&, const ChallengeOptions&);
extern template Verb<std::optional<Status>> find_named_factor<Run>(const Run&, const PasskeyChallenge&,
                                                                   std::string_view, const factor::Context&,
                                                                   std::optional<storage::FactorRecord>&);
extern template Verb<std::optional<Verification>> take_up<Run>(const Run&, std::string_view, std::string_view,
                                                               const VerifyOptions&, const factor::Context&,
                                                               std::optional<storage::ChallengeWithFactor>&);
extern template Verb<storage::CounterRecord> admit_taken_up<Run>(const Run&, const storage::FactorRecord&,
                                                                 const storage::ChallengeRecord&,
                                                                 decision::ChallengeTerms&,
                                                                 const factor::Context&, storage::Batch&);
extern template Verb<Created> challenge_factor<Run>(const Run&, std::string_view, const Whose&,
                                                    const ChallengeOptions&);
extern template Verb<Created> challenge_enrollment<Run>(const Run&, std::string_view, const Whose&,
                                                        const ChallengeOptions&, const Authorization&);
extern template Verb<std::optional<std::string>> authorize<Run>(const Run&, const Authorization&,
                                                                std::string_view, const decision::UserRecord&,
                                                                const factor::Context&);
extern template Verb<std::optional<std::string>> authorize<Run>(const Run&, const Authorization&,
                                                                std::string_view, const factor::Context&);
extern template Verb<void> authorize<Run>(const Run&, const Authorization&, std::string_view,
                                          const factor::Context&, storage::Batch&);
extern template Verb<std::optional<storage::ChallengeWithFactor>>
find_challenge_and_factor<Run>(const Run&, std::string_view);
extern template Verb<void> credit_answer<Run>(const Run&, const decision::ChallengeTerms&,
                                              const storage::ChallengeRecord&, storage::Batch&);
extern template Verb<Verification> attempt<Run>(const Run&, std::string_view, std::string_view,
                                                const VerifyOptions&);
extern template Verb<Confirmation> confirm_enrollment<Run>(const Run&, std::string_view, std::string_view,
                                                           const VerifyOptions&);
extern template Verb<void> give_back<Run>(const Run&, const Counted&);
extern template Verb<bool> note_channel<Run>(const Run&, std::string_view, Channel, FactorType);
extern template Verb<Channel> send<Run>(const Run&, OutgoingMessage, Event, const Counted&, const Withdrawal&,
                                        const std::vector<factor::Delivery>&);
extern template Verb<Channel> send<Run>(const Run&, OutgoingMessage, Event, const Counted&,
                                        const ResentChallenge&, const std::vector<factor::Delivery>&);
extern template Verb<bool> take_back<Run>(const Run&, const ResentChallenge&);
extern template Verb<void> check_guesses<Run>(const Run&, FoundUser&, const factor::Context&);
extern template Verb<void> count_for_user<Run>(const Run&, FoundUser&, const storage::FactorRecord&,
                                               const factor::Context&);
extern template Verb<Created> resend_challenge<Run>(const Run&, std::string_view, const Whose&,
                                                    const ResendOptions&);
extern template Verb<bool> withdraw<Run>(const Run&, std::string_view);
extern template Verb<bool> is_claimed<Run>(const Run&, const std::vector<std::string>&);
extern template Verb<std::vector<storage::Removal>> removals_of_claims<Run>(const Run&,
                                                                            const storage::FactorRecord&);
extern template Verb<Remaining> delete_factor<Run>(const Run&, std::string_view, const Whose&,
                                                   const Authorization&, const DeleteOptions&);
extern template Verb<void> remove_factor<Run>(const Run&, const storage::FactorRecord&, decision::UserRecord&,
                                              const factor::Context&, storage::Batch&);
extern template Verb<FactorDetails> rename_factor<Run>(const Run&, std::string_view, const Whose&,
                                                       std::string_view);
extern template Verb<UserReset> reset_user<Run>(const Run&, const UserId&, const Authorization&,
                                                const ResetOptions&);
extern template Verb<std::vector<StoredDevice>> find_all_devices<Run>(const Run&, std::string_view,
                                                                      storage::CounterRecord&);
extern template Verb<RememberedDevice> remember_device<Run>(const Run&, const UserId&, std::string_view,
                                                            const Authorization&, std::chrono::seconds);
extern template Verb<std::optional<StoredDevice>>
find_device<Run>(const Run&, std::string_view, std::string_view, const factor::Context&, std::string&);
extern template Verb<std::optional<TrustedDevice>> check_device<Run>(const Run&, std::string_view,
                                                                     const UserId&);
extern template Verb<std::vector<TrustedDevice>> list_devices<Run>(const Run&, const UserId&);
extern template Verb<std::size_t>
revoke_devices<Run>(const Run&, const UserId&, std::optional<std::string_view>, std::string_view, bool);
extern template Verb<bool> revoke_device<Run>(const Run&, const UserId&, std::string_view);
extern template Verb<FoundUser> find_user<Run>(const Run&, std::string_view, std::string_view);
extern template Verb<void> check_are_new<Run>(const Run&, const std::vector<storage::FactorRecord>&);
extern template Verb<void> begin<Run>(const Run&, const std::string&, const Authorization&,
                                      const factor::Context&, Enrolling&);
extern template Verb<storage::CounterRecord> end_enrollment<Run>(const Run&, const storage::FactorRecord&,
                                                                 const factor::Context&);
extern template Verb<std::string> asking_device<Run>(const Run&, std::string_view, std::string_view,
                                                     const factor::Context&);
extern template Verb<std::optional<storage::CounterRecord>>
count_wrong_code<Run>(const Run&, std::string_view, std::string_view, Time, bool&);
extern template Verb<bool> is_still_trusted<Run>(const Run&, std::string_view, std::string_view, Time);
extern template Verb<std::size_t> password_changed<Run>(const Run&, const UserId&);
extern template Verb<std::exception_ptr> count_wrong_code<Run>(const Run&, storage::FactorRecord&,
                                                               storage::ChallengeRecord&,
                                                               const decision::ChallengeTerms&,
                                                               const factor::Context&, bool,
                                                               decision::Verdict&, storage::Batch&);
extern template Verb<void> compare_options<Run>(const Run&, bool);
extern template Verb<void> commit_new<Run>(const Run&, const std::vector<storage::FactorRecord>&);
extern template Verb<Enrolled<factor::TotpKind>> enroll_factor<factor::TotpKind, Run>(const Run&, const Totp&,
                                                                                      const Authorization&);
extern template Verb<Enrolled<factor::SmsKind>> enroll_factor<factor::SmsKind, Run>(const Run&, const Sms&,
                                                                                    const Authorization&);
extern template Verb<Enrolled<factor::GenericOtpKind>>
enroll_factor<factor::GenericOtpKind, Run>(const Run&, const GenericOtp&, const Authorization&);
extern template Verb<Enrolled<factor::HotpKind>> enroll_factor<factor::HotpKind, Run>(const Run&, const Hotp&,
                                                                                      const Authorization&);
extern template Verb<Enrolled<factor::RecoveryCodesKind>>
enroll_factor<factor::RecoveryCodesKind, Run>(const Run&, const RecoveryCodes&, const Authorization&);
extern template Verb<Enrolled<factor::WebAuthnKind>>
enroll_factor<factor::WebAuthnKind, Run>(const Run&, const WebAuthn&, const Authorization&);
extern template Verb<Enrolled<factor::EmailKind>>
enroll_factor<factor::EmailKind, Run>(const Run&, const Email&, const Authorization&);
extern template Verb<Enrolled<factor::RecoveryCodesKind>>
regenerate_recovery_codes<Run>(const Run&, std::string_view, const Whose&, const Authorization&);
extern template Verb<crypto::SecretString> unsafe_export_otpauth_uri<Run>(const Run&, std::string_view,
                                                                          const Whose&);
extern template Verb<std::optional<storage::ChallengeWithFactor>>
find_challenge_then_factor<Run>(const Run&, std::string_view);
extern template Verb<FactorDetails> get_factor<Run>(const Run&, std::string_view, const Whose&);
extern template Verb<std::vector<FactorDetails>> describe<Run>(const Run&,
                                                               const std::vector<storage::FactorRecord>&);
extern template Verb<std::vector<FactorDetails>> list_factors<Run>(const Run&, const UserId&);
extern template Verb<std::vector<FactorDetails>> list_factors<Run>(const Run&, const UserId&, const Page&);
extern template Verb<ChallengeDetails> get_challenge<Run>(const Run&, std::string_view, const Whose&);
extern template Verb<void> emit_run<Run>(const Run&, EventType, std::size_t, Time);
extern template Verb<std::size_t> purge_expired<Run>(const Run&);
extern template Verb<bool> reseal_changed<Run>(const Run&, const storage::FactorRecord&);
extern template Verb<void> commit_resealed<Run>(const Run&, std::vector<storage::FactorRecord>,
                                                ResealProgress&);
extern template Verb<void> reseal_counter<Run>(const Run&, const std::string&, const std::string&);
extern template Verb<void> reseal_counters<Run>(const Run&, const LastingCounters&, ResealProgress&);
extern template Verb<void> reseal_pages<Run>(const Run&, const ResealOptions&, ResealProgress&);
extern template Verb<ResealProgress> reseal_all<Run>(const Run&, const ResealOptions&);
extern template Verb<KeyCounts> count_keys<Run>(const Run&);
extern template Verb<void> unlock_factor<Run>(const Run&, std::string_view, const Whose&,
                                              const Authorization&);
extern template Verb<bool> reset_counts<Run>(const Run&, const std::vector<std::string>&,
                                             const storage::FactorRecord*, const Event&);
extern template Verb<bool> reset_sms_limits<Run>(const Run&, std::string_view);
extern template Verb<bool> reset_sms_budgets<Run>(const Run&, std::string_view);
extern template Verb<bool> report_delivery<Run>(const Run&, std::string_view, DeliveryReport);
extern template Verb<bool> reset_send_limits<Run>(const Run&, std::string_view, const Whose&);
extern template Verb<Verification> verify_challenge<Run>(const Run&, std::string_view, std::string_view,
                                                         const VerifyOptions&);

} // namespace mfa::verbs
