// Uses the component sqlite: a factor that was committed is found again.
#include <cstdio>
#include <string>

#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite.hpp>

int main() {
  const std::string path = "consumer.db";
  std::remove(path.c_str());
  mfa::storage::Sqlite storage(path);

  mfa::storage::Batch batch;
  batch.factors.push_back({.id = "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ", .type = mfa::FactorType::totp});
  const bool committed = storage.commit(batch);
  return committed && storage.find_factor(batch.factors[0].id) ? 0 : 1;
}
