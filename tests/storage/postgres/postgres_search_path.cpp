// Whatever another role plants on the search path of the role that migrates or serves, nothing of it runs as
// that role, and nothing of it is built into the schema (the pattern of CVE-2018-1058).
#include <memory>
#include <stdexcept>
#include <string>

#include <libpq-fe.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/postgres_schemas.hpp"

using mfa::storage::Postgres;
using mfa::storage::PostgresOptions;
using mfa::storage::Schema;
using namespace mfa::test;
using namespace mfa::testing::conformance;

namespace {

/// Runs SQL as a role, with that role's settings.
std::string execute_as(const std::string& role, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb((server().uri(0, role) + "?options=-cclient_min_messages%3Derror").c_str()), &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

/// What mallory, who may create in public, plants there: each does what PostgreSQL's own does and tells in
/// public.ran that it ran, and as whom. A function and an operator for each of PostgreSQL's own of these
/// types, for paths on which public comes first; some that fit better than PostgreSQL's own, for the usual
/// path; types, tables and casts.
constexpr const char* plant = R"sql(
CREATE TABLE public.ran (what pg_catalog.text, role pg_catalog.name);
GRANT ALL ON public.ran TO PUBLIC;
CREATE FUNCTION public.note(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql SET search_path = pg_catalog
AS $$ BEGIN INSERT INTO public.ran VALUES (what, current_user); RETURN true; END $$;

DO $do$
DECLARE
  ours pg_catalog.regtype[] := '{text,name,bytea,bool,int4,int8,oid,"\"char\""}';
  f record;
BEGIN
  FOR f IN SELECT proname, pg_get_function_identity_arguments(oid) AS arguments, pg_get_function_result(oid) AS result,
      (SELECT string_agg('$' || i, ', ') FROM generate_series(1, pronargs) AS i) AS parameters
    FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset
      AND proargtypes::oid[]::regtype[] <@ ours AND provariadic = 0 AND prorettype::regtype = ANY (ours || '{void,"text[]"}'::regtype[])
      AND proargmodes IS NULL
  LOOP
    EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS '
      '$f$ BEGIN PERFORM public.note(%L); RETURN %s pg_catalog.%I(%s); END $f$', f.proname, f.arguments, f.result,
      'function ' || f.proname, CASE f.result WHEN 'void' THEN '; PERFORM' ELSE '' END, f.proname, f.parameters);
  END LOOP;
  FOR f IN SELECT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result
    FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b'
      AND oprleft::regtype = ANY (ours) AND oprright::regtype = ANY (ours) AND oprresult::regtype = ANY (ours)
  LOOP
    EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS '
      '$f$ BEGIN PERFORM public.note(%L); RETURN $1 OPERATOR(pg_catalog.%s) $2; END $f$',
      'op ' || f.oprname, f.l, f.r, f.result, 'operator ' || f.oprname, f.oprname);
    EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.%I)',
      f.oprname, f.l, f.r, 'op ' || f.oprname);
  END LOOP;
END $do$;

CREATE FUNCTION public.hashtextextended(text, int) RETURNS int8 LANGUAGE sql
  AS $$ SELECT public.note('hashtextextended'); SELECT pg_catalog.hashtextextended($1, $2) $$;
CREATE FUNCTION public.convert_from(bytea, text) RETURNS text LANGUAGE sql
  AS $$ SELECT public.note('convert_from'); SELECT pg_catalog.convert_from($1, $2::name) $$;
CREATE FUNCTION public.parse_ident(text) RETURNS text[] LANGUAGE sql
  AS $$ SELECT public.note('parse_ident'); SELECT pg_catalog.parse_ident($1, true) $$;
CREATE FUNCTION public.get_byte(bytea, int8) RETURNS int LANGUAGE sql
  AS $$ SELECT public.note('get_byte'); SELECT pg_catalog.get_byte($1, $2::int) $$;
CREATE FUNCTION public.count_one(int8) RETURNS int8 LANGUAGE sql AS $$ SELECT public.note('count'); SELECT $1 + 1 $$;
CREATE AGGREGATE public.count(*) (sfunc = public.count_one, stype = int8, initcond = '0');
CREATE FUNCTION public.equal(bytea, text) RETURNS bool LANGUAGE sql
  AS $$ SELECT public.note('operator ='); SELECT $1 = $2::bytea $$;
CREATE OPERATOR public.= (LEFTARG = bytea, RIGHTARG = text, FUNCTION = public.equal);
CREATE OPERATOR public.<> (LEFTARG = bytea, RIGHTARG = text, FUNCTION = public.equal);

CREATE TYPE public.planted AS ENUM ('planted');
CREATE FUNCTION public.to_bytea(public.planted) RETURNS bytea LANGUAGE sql AS $$ SELECT public.note('cast'); SELECT ''::bytea $$;
CREATE FUNCTION public.to_planted(bytea) RETURNS public.planted LANGUAGE sql
  AS $$ SELECT public.note('cast'); SELECT 'planted'::public.planted $$;
CREATE CAST (public.planted AS bytea) WITH FUNCTION public.to_bytea AS IMPLICIT;
CREATE CAST (bytea AS public.planted) WITH FUNCTION public.to_planted AS IMPLICIT;
CREATE DOMAIN public.bytea AS pg_catalog.bytea CHECK (public.note('domain bytea'));
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.note('domain text'));

CREATE VIEW public.pg_namespace AS SELECT public.note('pg_namespace'), oid, nspname FROM pg_catalog.pg_namespace;
CREATE VIEW public.pg_class AS SELECT public.note('pg_class'), oid, relname, relnamespace FROM pg_catalog.pg_class;
CREATE VIEW public.pg_settings AS SELECT public.note('pg_settings'), name, source FROM pg_catalog.pg_settings;
CREATE VIEW public.factors AS SELECT public.note('factors'), 'f'::pg_catalog.bytea AS id, 1::int8 AS version;
CREATE VIEW public.schema_version AS SELECT public.note('schema_version'), 1 AS version;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
)sql";

/// Roles that migrate and serve, one with the usual search path and one with public first.
std::string victim() {
  static const bool planted = [] {
    server().execute("CREATE ROLE mallory LOGIN; GRANT CREATE ON SCHEMA public TO mallory;"
                     "CREATE ROLE usual LOGIN; CREATE ROLE careless LOGIN;"
                     "ALTER ROLE careless SET search_path = public, pg_catalog;"
                     "GRANT CREATE ON DATABASE postgres TO usual, careless");
    execute_as("mallory", plant);
    return true;
  }();
  REQUIRE(planted);
  server().execute("DELETE FROM public.ran");
  return GENERATE(as<std::string>(), "usual", "careless");
}

/// What of mallory's ran, and as whom.
std::string ran() {
  return server().execute(
      "SELECT pg_catalog.string_agg(DISTINCT role || ' ran ' || what, ', ') FROM public.ran");
}

/// Everything that a service does.
void use(Postgres& storage) {
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = mfa::KeyRing::generate()}};
  const auto enrolled =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
  const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
  CHECK(enrolled.factor.confirm(mfa::otp::totp(secret, clock.now())).confirmed());
  clock.advance(std::chrono::seconds(30));
  const auto challenge = verifier.challenge_factor(enrolled.factor.id(), "u_42");
  const auto signed_in = verifier.verify_challenge(challenge.id(), mfa::otp::totp(secret, clock.now()));
  CHECK(signed_in.valid());
  CHECK(verifier.list_factors("u_42").size() == 1);
  CHECK(storage.scan_factors("", 10).size() == 1);
  mfa::storage::Batch batch;
  for (const char* id : {"a", "b"}) batch.counters.push_back(counter(id));
  CHECK(storage.commit(batch));
  CHECK_FALSE(storage.commit(batch));
  CHECK(storage.find_counter("a"));
  verifier.delete_factor(enrolled.factor.id(), "u_42", signed_in);
  CHECK(storage.purge(at(9'000'000'000'000), 10) ==
        6); // with two challenges, the user's record and his devices
}

/// That the view, the tables and the function use PostgreSQL's own types, functions and operators alone.
void check_built_of_its_own(const std::string& schema) {
  CHECK(
      server().execute("SELECT pg_catalog.string_agg(ours.identity || ' uses ' || other.identity, ', ') FROM"
                       " (SELECT * FROM pg_catalog.pg_depend WHERE refobjid >= 16384 OFFSET 0) AS depend,"
                       " pg_catalog.pg_identify_object(classid, objid, objsubid) AS ours,"
                       " pg_catalog.pg_identify_object(refclassid, refobjid, refobjsubid) AS other"
                       " WHERE other.schema = 'public' AND ours.identity LIKE '%" +
                       schema + ".%'") == "");
  CHECK(server().execute("SELECT proconfig FROM pg_catalog.pg_proc WHERE pronamespace = '" + schema +
                         "'::regnamespace AND proname = 'commit'") ==
        "{\"search_path=pg_catalog, pg_temp\"}");
}

} // namespace

TEST_CASE("What another role planted runs neither in a migration nor in use") {
  const std::string role = victim();
  const PostgresOptions options = new_schema();
  Postgres storage(server().uri(0, role), options);
  use(storage);
  CHECK(commit(storage, factor("f")));
  CHECK(execute_as(role, "SELECT type FROM " + options.schema_name + ".enrolled_factors") == "totp");
  CHECK(ran() == "");
  check_built_of_its_own(options.schema_name);
}

TEST_CASE("What another role planted does not run when the host migrates with the printed SQL") {
  const std::string role = victim();
  PostgresOptions options = new_schema();
  std::string sql = mfa::storage::postgres_schema_sql(options.schema_name);
  SECTION("as it is") {}
  SECTION("by a tool that has transactions of its own") {
    for (const std::string line :
         {"BEGIN;\n", "COMMIT;\n", "SET LOCAL search_path = pg_catalog, pg_temp;\n"}) {
      const auto found = sql.find(line);
      REQUIRE(found != std::string::npos);
      sql.erase(found, line.size());
    }
  }
  execute_as(role, sql);
  CHECK(ran() == "");
  options.schema = Schema::verify_only;
  Postgres storage(server().uri(0, role), options);
  use(storage);
  CHECK(commit(storage, factor("f")));
  CHECK(execute_as(role, "SELECT type FROM " + options.schema_name + ".enrolled_factors") == "totp");
  // The host's own calls of the function, in its sessions.
  CHECK(
      execute_as(role, "SELECT " + options.schema_name +
                           ".commit(false, 'f', 1::int8, 'u', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
                           " NULL, NULL)") == "t");
  CHECK(ran() == "");
  check_built_of_its_own(options.schema_name);
}

TEST_CASE("A function of the same name in our schema is not taken for ours") {
  const std::string role = victim();
  const PostgresOptions options = new_schema();
  const std::string schema = options.schema_name;
  { const Postgres storage(server().uri(0, role), options); }
  server().execute("GRANT ALL ON SCHEMA " + schema + " TO mallory");
  execute_as(
      "mallory",
      "CREATE FUNCTION " + schema +
          ".commit(boolean, pg_catalog.text, bigint, pg_catalog.text, pg_catalog.text, pg_catalog.text, "
          "bigint,"
          " pg_catalog.text, bigint, pg_catalog.text, pg_catalog.text, bigint, pg_catalog.text, bigint)"
          " RETURNS boolean LANGUAGE sql AS 'SELECT public.note(''commit'')'");
  Postgres storage(server().uri(0, role), options);
  CHECK(commit(storage, factor("f")));
  CHECK(storage.find_factor("f"));
  CHECK(ran() == "");
}

TEST_CASE("A schema in which every role may create is refused") {
  PostgresOptions options = new_schema();
  const std::string schema = options.schema_name;
  server().execute("CREATE SCHEMA " + schema + "; GRANT ALL ON SCHEMA " + schema + " TO PUBLIC");
  const auto open = [&] { const Postgres storage(server().uri(), options); };
  check_error(open, mfa::errc::storage_schema, "REVOKE CREATE ON SCHEMA \"" + schema + "\" FROM PUBLIC");
  options.schema = Schema::verify_only;
  check_error(open, mfa::errc::storage_schema, "every role may create functions in it");
  CHECK(server().execute("SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = '" + schema +
                         "'::regnamespace") == "0");
  server().execute("REVOKE CREATE ON SCHEMA " + schema + " FROM PUBLIC");
  options.schema = Schema::migrate;
  CHECK_NOTHROW(open());
}
