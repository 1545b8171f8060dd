-- Generated from migrations/ by `npm run generate`; a gate compares it.

create table "account" (
  id uuid not null,
  name text not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  deleted_at timestamp with time zone,
  cut_off_at timestamp with time zone,
  constraint account_pkey PRIMARY KEY (id)
);
CREATE INDEX account_cut_off ON public.account USING btree (id) WHERE (cut_off_at IS NOT NULL);

create table "acme_account" (
  directory_url text not null,
  url text not null,
  contact text,
  eab_key_id text,
  registered_at timestamp with time zone not null,
  constraint acme_account_pkey PRIMARY KEY (directory_url)
);

create table "acme_limit" (
  key text not null,
  tokens double precision not null,
  filled_at timestamp with time zone not null,
  constraint acme_limit_pkey PRIMARY KEY (key)
);
CREATE INDEX acme_limit_filled_at_index ON public.acme_limit USING btree (filled_at);

create table "acme_name" (
  name text not null,
  order_id uuid not null,
  constraint acme_name_pkey PRIMARY KEY (name),
  constraint acme_name_order_id_foreign FOREIGN KEY (order_id) REFERENCES acme_order(id) ON DELETE CASCADE
);
CREATE INDEX acme_name_order_id_index ON public.acme_name USING btree (order_id);

create table "acme_order" (
  id uuid not null,
  certificate_id uuid not null,
  directory_url text not null,
  state text not null,
  names jsonb not null,
  key_type text not null,
  replaces text,
  is_due boolean not null,
  methods jsonb not null,
  order_url text,
  certificate_url text,
  answers jsonb not null,
  is_published boolean not null default false,
  sealed jsonb,
  csr text,
  restarts integer not null default 0,
  stumbles integer not null default 0,
  reason text,
  next_at timestamp with time zone not null,
  lease uuid,
  leased_until timestamp with time zone,
  created_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  constraint acme_order_pkey PRIMARY KEY (id),
  constraint acme_order_certificate_id_foreign FOREIGN KEY (certificate_id) REFERENCES certificate(id) ON DELETE CASCADE,
  constraint acme_order_key_type_check CHECK ((key_type = ANY (ARRAY['ecdsa'::text, 'rsa'::text]))),
  constraint acme_order_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'ordering'::text, 'challenging'::text, 'finalizing'::text, 'downloading'::text, 'done'::text, 'failed'::text, 'withdrawn'::text])))
);
CREATE INDEX acme_order_certificate_id_index ON public.acme_order USING btree (certificate_id);
CREATE INDEX acme_order_due ON public.acme_order USING btree (next_at) WHERE ((ended_at IS NULL) OR is_published);
CREATE UNIQUE INDEX acme_order_live ON public.acme_order USING btree (certificate_id) WHERE (ended_at IS NULL);

create table "acme_renewal" (
  certificate_id uuid not null,
  failures integer not null default 0,
  early_failures integer not null default 0,
  directory_url text,
  renewal_id text,
  check_at timestamp with time zone,
  check_failures integer not null default 0,
  window_start timestamp with time zone,
  window_end timestamp with time zone,
  constraint acme_renewal_pkey PRIMARY KEY (certificate_id),
  constraint acme_renewal_certificate_id_foreign FOREIGN KEY (certificate_id) REFERENCES certificate(id) ON DELETE CASCADE
);
CREATE INDEX acme_renewal_check_at_index ON public.acme_renewal USING btree (check_at);

create table "alert" (
  id uuid not null,
  account_id uuid not null,
  distribution_id uuid,
  name text not null,
  description text not null,
  condition jsonb not null,
  raise_after_minutes integer not null,
  resolve_after_minutes integer not null,
  mail_in_charge boolean not null,
  mail_members jsonb not null,
  muted_until timestamp with time zone,
  is_enabled boolean not null,
  disabled_reason text,
  status text not null,
  since timestamp with time zone not null,
  holding_since timestamp with time zone,
  clear_since timestamp with time zone,
  judged_until timestamp with time zone,
  value double precision,
  reason text,
  covered jsonb not null,
  is_told boolean not null,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint alert_pkey PRIMARY KEY (id),
  constraint alert_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint alert_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint alert_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint alert_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint alert_status_check CHECK ((status = ANY (ARRAY['ok'::text, 'pending'::text, 'raised'::text])))
);
CREATE INDEX alert_judged ON public.alert USING btree (id) WHERE is_enabled;
CREATE INDEX alert_page ON public.alert USING btree (account_id, created_at, id);

create table "alert_event" (
  id uuid not null,
  alert_id uuid not null,
  account_id uuid not null,
  kind text not null,
  value double precision,
  reason text not null,
  is_muted boolean not null,
  at timestamp with time zone not null,
  created_at timestamp with time zone not null,
  constraint alert_event_pkey PRIMARY KEY (id),
  constraint alert_event_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint alert_event_alert_id_foreign FOREIGN KEY (alert_id) REFERENCES alert(id) ON DELETE CASCADE,
  constraint alert_event_kind_check CHECK ((kind = ANY (ARRAY['raised'::text, 'resolved'::text, 'tested'::text])))
);
CREATE INDEX alert_event_age ON public.alert_event USING btree (created_at);
CREATE INDEX alert_event_page ON public.alert_event USING btree (alert_id, created_at, id);
CREATE INDEX alert_event_tests ON public.alert_event USING btree (account_id, created_at) WHERE (kind = 'tested'::text);

create table "api_token" (
  id uuid not null,
  account_id uuid not null,
  user_id uuid not null,
  membership_id uuid not null,
  name text not null,
  scopes text[] not null,
  token_hash text not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  constraint api_token_token_hash_unique UNIQUE (token_hash),
  constraint api_token_pkey PRIMARY KEY (id),
  constraint api_token_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint api_token_user_id_foreign FOREIGN KEY (user_id) REFERENCES "user"(id)
);
CREATE INDEX api_token_listed ON public.api_token USING btree (account_id, created_at DESC, id DESC) WHERE (revoked_at IS NULL);
CREATE INDEX api_token_membership_id_index ON public.api_token USING btree (membership_id);

create table "audit_entry" (
  id uuid not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  account_id uuid,
  user_id uuid,
  api_token_id uuid,
  request_id text,
  client_address text,
  action text not null,
  resource_type text not null,
  resource_id text not null,
  changes jsonb not null,
  constraint audit_entry_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_entry_listed ON public.audit_entry USING btree (created_at DESC, id DESC);
CREATE INDEX audit_entry_of_account ON public.audit_entry USING btree (account_id, created_at DESC, id DESC);
CREATE INDEX audit_entry_of_account_and_action ON public.audit_entry USING btree (account_id, action text_pattern_ops, created_at DESC, id DESC);
CREATE INDEX audit_entry_of_account_and_type ON public.audit_entry USING btree (account_id, resource_type, created_at DESC, id DESC);
CREATE INDEX audit_entry_of_action ON public.audit_entry USING btree (action text_pattern_ops, created_at DESC, id DESC);
CREATE INDEX audit_entry_of_api_token ON public.audit_entry USING btree (api_token_id, created_at DESC, id DESC) WHERE (api_token_id IS NOT NULL);
CREATE INDEX audit_entry_of_resource ON public.audit_entry USING btree (resource_id, created_at DESC, id DESC);
CREATE INDEX audit_entry_of_user ON public.audit_entry USING btree (user_id, created_at DESC, id DESC);

create table "cache_epoch" (
  singleton boolean not null default true,
  epoch bigint not null,
  constraint cache_epoch_pkey PRIMARY KEY (singleton),
  constraint cache_epoch_singleton_check CHECK ((singleton = true))
);

create table "cache_policy" (
  id uuid not null,
  account_id uuid not null,
  name text not null,
  description text not null,
  rules jsonb not null,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint cache_policy_pkey PRIMARY KEY (id),
  constraint cache_policy_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint cache_policy_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint cache_policy_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id)
);
CREATE UNIQUE INDEX cache_policy_name_unique ON public.cache_policy USING btree (account_id, lower(name));

create table "certificate" (
  id uuid not null,
  account_id uuid,
  name text not null,
  names jsonb not null,
  is_automatic boolean not null,
  key_type text not null,
  status text not null,
  status_reason text,
  chain text,
  key_secret_id uuid,
  serial text,
  fingerprint text,
  not_before timestamp with time zone,
  not_after timestamp with time zone,
  issuer text,
  version bigint not null default '0'::bigint,
  renew_at timestamp with time zone,
  asked_at timestamp with time zone,
  revocation jsonb,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  constraint certificate_pkey PRIMARY KEY (id),
  constraint certificate_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint certificate_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint certificate_key_secret_id_foreign FOREIGN KEY (key_secret_id) REFERENCES secret(id),
  constraint certificate_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint certificate_key_type_check CHECK ((key_type = ANY (ARRAY['ecdsa'::text, 'rsa'::text]))),
  constraint certificate_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'active'::text, 'failed'::text, 'revoked'::text])))
);
CREATE INDEX certificate_account_id_created_at_index ON public.certificate USING btree (account_id, created_at);
CREATE INDEX certificate_expiry ON public.certificate USING btree (not_after) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX certificate_of_platform ON public.certificate USING btree (name) WHERE ((account_id IS NULL) AND (deleted_at IS NULL));
CREATE INDEX certificate_renewal ON public.certificate USING btree (renew_at) WHERE (deleted_at IS NULL);

create table "deployment" (
  distribution_id uuid not null,
  scope uuid not null,
  rev bigint not null,
  source_version bigint not null,
  state text not null,
  refused_stage text,
  reason text,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint deployment_pkey PRIMARY KEY (distribution_id, scope),
  constraint deployment_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint deployment_scope_foreign FOREIGN KEY (scope) REFERENCES edge_group(id) ON DELETE CASCADE,
  constraint deployment_state_check CHECK ((state = ANY (ARRAY['deploying'::text, 'active'::text, 'refused'::text, 'removing'::text, 'removed'::text])))
);
CREATE INDEX deployment_under_way ON public.deployment USING btree (scope, rev) WHERE (state = ANY (ARRAY['deploying'::text, 'removing'::text]));

create table "deployment_rollout" (
  id uuid not null,
  compiler_version integer not null,
  group_id uuid,
  state text not null,
  reason text,
  refused_before jsonb not null,
  refused integer not null default 0,
  compiled_rev bigint,
  quiet_since timestamp with time zone,
  created_at timestamp with time zone not null,
  finished_at timestamp with time zone,
  constraint deployment_rollout_compiler_version_unique UNIQUE (compiler_version),
  constraint deployment_rollout_pkey PRIMARY KEY (id),
  constraint deployment_rollout_group_id_foreign FOREIGN KEY (group_id) REFERENCES edge_group(id) ON DELETE SET NULL,
  constraint deployment_rollout_state_check CHECK ((state = ANY (ARRAY['canary'::text, 'stopped'::text, 'spreading'::text, 'done'::text, 'superseded'::text])))
);

create table "distribution" (
  id uuid not null,
  account_id uuid not null,
  domain_id uuid,
  domain text not null,
  domain_type text not null,
  label text not null,
  description text not null default ''::text,
  cdn_type text not null,
  acceleration_type text not null,
  origin_type text not null,
  host_header text not null,
  sni text not null,
  is_http2 boolean not null,
  is_http3 boolean not null,
  enable_ssl boolean not null,
  is_livestream boolean not null,
  is_redirect_http_to_https boolean not null,
  cname text not null,
  status text not null,
  status_reason text,
  version bigint not null default '1'::bigint,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  deleted_at timestamp with time zone,
  gotipath_deleted_at timestamp with time zone,
  cache_policy_id uuid,
  cors jsonb,
  compression jsonb not null default '{"gzip": true, "brotli": true}'::jsonb,
  configuration_version integer not null default 0,
  hsts jsonb,
  edge_group_ids jsonb,
  certificate_id uuid,
  former_certificate_id uuid,
  le_issue boolean not null default false,
  is_cname_valid boolean not null default false,
  is_acme_challenge_valid boolean not null default false,
  constraint distribution_cname_unique UNIQUE (cname),
  constraint distribution_domain_id_unique UNIQUE (domain_id),
  constraint distribution_pkey PRIMARY KEY (id),
  constraint distribution_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint distribution_certificate_id_foreign FOREIGN KEY (certificate_id) REFERENCES certificate(id),
  constraint distribution_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint distribution_domain_id_foreign FOREIGN KEY (domain_id) REFERENCES domain(id) ON DELETE SET NULL,
  constraint distribution_former_certificate_id_foreign FOREIGN KEY (former_certificate_id) REFERENCES certificate(id),
  constraint distribution_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint distribution_acceleration_type_check CHECK ((acceleration_type = ANY (ARRAY['static'::text, 'media'::text, 'livestream'::text, 'diy'::text]))),
  constraint distribution_cdn_type_check CHECK ((cdn_type = ANY (ARRAY['gotipath'::text, 'gcore'::text, 'tm_swift'::text, 'multi'::text]))),
  constraint distribution_domain_type_check CHECK ((domain_type = ANY (ARRAY['custom'::text, 'subdomain'::text]))),
  constraint distribution_origin_type_check CHECK ((origin_type = ANY (ARRAY['custom'::text, 's3'::text]))),
  constraint distribution_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'deploying'::text, 'active'::text, 'failed'::text, 'disabled'::text, 'deleting'::text, 'deleted'::text])))
);
CREATE INDEX distribution_cache_policy_id_index ON public.distribution USING btree (cache_policy_id);
CREATE INDEX distribution_certificate_id_index ON public.distribution USING btree (certificate_id);
CREATE INDEX distribution_former_certificate_id_index ON public.distribution USING btree (former_certificate_id);
CREATE INDEX distribution_listed ON public.distribution USING btree (account_id, created_at DESC, id DESC) WHERE (deleted_at IS NULL);
CREATE INDEX distribution_listed_by_change ON public.distribution USING btree (account_id, updated_at DESC, id DESC) WHERE (deleted_at IS NULL);
CREATE INDEX distribution_listed_by_domain ON public.distribution USING btree (account_id, lower(domain), id) WHERE (deleted_at IS NULL);
CREATE INDEX distribution_listed_by_label ON public.distribution USING btree (account_id, lower(label), id) WHERE (deleted_at IS NULL);

create table "distribution_version" (
  distribution_id uuid not null,
  number integer not null,
  source_version bigint not null,
  action text not null,
  user_id uuid,
  api_token_id uuid,
  created_at timestamp with time zone not null,
  configuration jsonb not null,
  changes jsonb not null,
  constraint distribution_version_pkey PRIMARY KEY (distribution_id, number),
  constraint distribution_version_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id)
);

create table "domain" (
  id uuid not null,
  account_id uuid not null,
  name text not null,
  is_serving boolean not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  proof text not null default 'none'::text,
  proven_at timestamp with time zone,
  lost_at timestamp with time zone,
  constraint domain_pkey PRIMARY KEY (id),
  constraint domain_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint domain_proof_check CHECK ((proof = ANY (ARRAY['none'::text, 'token'::text, 'cname'::text])))
);
CREATE INDEX domain_account_id_index ON public.domain USING btree (account_id);
CREATE UNIQUE INDEX domain_claim_unique ON public.domain USING btree (account_id, name);
CREATE INDEX domain_name_index ON public.domain USING btree (name);
CREATE UNIQUE INDEX domain_serving_unique ON public.domain USING btree (name) WHERE is_serving;

create table "domain_validation" (
  domain_id uuid not null,
  checked_at timestamp with time zone,
  next_check_at timestamp with time zone not null,
  asked_at timestamp with time zone,
  failures integer not null default 0,
  pointing_since timestamp with time zone,
  away_since timestamp with time zone,
  warned_at timestamp with time zone,
  report jsonb,
  constraint domain_validation_pkey PRIMARY KEY (domain_id),
  constraint domain_validation_domain_id_foreign FOREIGN KEY (domain_id) REFERENCES domain(id) ON DELETE CASCADE
);
CREATE INDEX domain_validation_next_check_at_index ON public.domain_validation USING btree (next_check_at);

create table "edge_certificate" (
  serial text not null,
  edge_id uuid not null,
  usable_until timestamp with time zone not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint edge_certificate_pkey PRIMARY KEY (serial),
  constraint edge_certificate_edge_id_foreign FOREIGN KEY (edge_id) REFERENCES edge_node(id) ON DELETE CASCADE
);
CREATE INDEX edge_certificate_edge_id_index ON public.edge_certificate USING btree (edge_id);

create table "edge_certificate_use" (
  scope uuid not null,
  certificate_id uuid not null,
  distribution_id uuid not null,
  constraint edge_certificate_use_pkey PRIMARY KEY (scope, certificate_id, distribution_id),
  constraint edge_certificate_use_certificate_id_foreign FOREIGN KEY (certificate_id) REFERENCES certificate(id),
  constraint edge_certificate_use_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint edge_certificate_use_scope_foreign FOREIGN KEY (scope) REFERENCES edge_group(id) ON DELETE CASCADE
);
CREATE INDEX edge_certificate_use_distribution_id_index ON public.edge_certificate_use USING btree (distribution_id);

create table "edge_enrolment_token" (
  token_hash text not null,
  group_id uuid not null,
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint edge_enrolment_token_pkey PRIMARY KEY (token_hash),
  constraint edge_enrolment_token_group_id_foreign FOREIGN KEY (group_id) REFERENCES edge_group(id) ON DELETE CASCADE
);

create table "edge_group" (
  id uuid not null,
  name text not null,
  settings jsonb not null,
  capabilities jsonb,
  version bigint not null default '1'::bigint,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  parent_group_id uuid default ((settings ->> 'parent_group_id'::text))::uuid,
  is_canary boolean not null default false,
  configuration_version integer not null default 0,
  constraint edge_group_name_unique UNIQUE (name),
  constraint edge_group_pkey PRIMARY KEY (id),
  constraint edge_group_parent_group_id_fkey FOREIGN KEY (parent_group_id) REFERENCES edge_group(id)
);
CREATE UNIQUE INDEX edge_group_canary ON public.edge_group USING btree (is_canary) WHERE is_canary;
CREATE INDEX edge_group_parent_group_id_index ON public.edge_group USING btree (parent_group_id);

create table "edge_group_version" (
  group_id uuid not null,
  number integer not null,
  action text not null,
  user_id uuid,
  api_token_id uuid,
  created_at timestamp with time zone not null,
  configuration jsonb not null,
  changes jsonb not null,
  constraint edge_group_version_pkey PRIMARY KEY (group_id, number),
  constraint edge_group_version_group_id_foreign FOREIGN KEY (group_id) REFERENCES edge_group(id) ON DELETE CASCADE
);

create table "edge_log_loss" (
  edge_id uuid not null,
  lost_at timestamp with time zone not null,
  written_from timestamp with time zone not null,
  written_to timestamp with time zone not null,
  lines bigint not null,
  constraint edge_log_loss_pkey PRIMARY KEY (edge_id, lost_at)
);
CREATE INDEX edge_log_loss_written_to_index ON public.edge_log_loss USING btree (written_to);

create table "edge_node" (
  id uuid not null,
  group_id uuid not null,
  name text not null,
  capabilities jsonb not null,
  report jsonb,
  feed_id uuid,
  applied bigint not null default '0'::bigint,
  reported_at timestamp with time zone,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  address text,
  state text not null default 'active'::text,
  version bigint not null default '1'::bigint,
  log_behind_since timestamp with time zone,
  public_key text,
  constraint edge_node_group_id_name_unique UNIQUE (group_id, name),
  constraint edge_node_pkey PRIMARY KEY (id),
  constraint edge_node_group_id_foreign FOREIGN KEY (group_id) REFERENCES edge_group(id),
  constraint edge_node_state_check CHECK ((state = ANY (ARRAY['active'::text, 'draining'::text, 'maintenance'::text])))
);
CREATE INDEX edge_node_group_id_index ON public.edge_node USING btree (group_id);
CREATE INDEX edge_node_log_behind ON public.edge_node USING btree (log_behind_since) WHERE (log_behind_since IS NOT NULL);

create table "edge_secret_use" (
  scope uuid not null,
  secret_id uuid not null,
  distribution_id uuid not null,
  constraint edge_secret_use_pkey PRIMARY KEY (scope, secret_id, distribution_id),
  constraint edge_secret_use_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint edge_secret_use_scope_foreign FOREIGN KEY (scope) REFERENCES edge_group(id)
);
CREATE INDEX edge_secret_use_distribution_id_index ON public.edge_secret_use USING btree (distribution_id);

create table "ethereum_nonce" (
  nonce text not null,
  expires_at timestamp with time zone not null,
  constraint ethereum_nonce_pkey PRIMARY KEY (nonce)
);
CREATE INDEX ethereum_nonce_expires_at_index ON public.ethereum_nonce USING btree (expires_at);

create table "feed" (
  singleton boolean not null default true,
  feed_id uuid not null,
  database_identity text not null,
  rebuilding boolean not null,
  compiler_version integer not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint feed_pkey PRIMARY KEY (singleton),
  constraint feed_singleton_check CHECK ((singleton = true))
);

create table "feed_key" (
  id text not null,
  public_key text not null,
  started_at timestamp with time zone not null,
  endorsement text,
  constraint feed_key_pkey PRIMARY KEY (id)
);

create table "feed_record" (
  scope uuid not null,
  kind text not null,
  id uuid not null,
  rev bigint not null,
  op text not null,
  hash text not null,
  body text not null,
  signature text not null,
  feed_id uuid not null,
  source_version bigint not null,
  compiler_version integer not null,
  appended_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint feed_record_scope_rev_unique UNIQUE (scope, rev),
  constraint feed_record_pkey PRIMARY KEY (scope, kind, id),
  constraint feed_record_scope_foreign FOREIGN KEY (scope) REFERENCES feed_scope(scope) ON DELETE CASCADE,
  constraint feed_record_op_check CHECK ((op = ANY (ARRAY['put'::text, 'del'::text])))
);
CREATE INDEX feed_record_passing ON public.feed_record USING btree (kind, source_version) WHERE ((op = 'put'::text) AND (kind = ANY (ARRAY['purge'::text, 'prefetch'::text])));
CREATE INDEX feed_record_tombstone ON public.feed_record USING btree (scope, rev) WHERE (op = 'del'::text);

create table "feed_scope" (
  scope uuid not null,
  rev bigint not null default '0'::bigint,
  floor_rev bigint not null default '0'::bigint,
  state_hash text not null,
  live_records integer not null default 0,
  checkpoint_rev bigint not null default '0'::bigint,
  checkpoint_count bigint not null default '0'::bigint,
  constraint feed_scope_pkey PRIMARY KEY (scope),
  constraint feed_scope_scope_foreign FOREIGN KEY (scope) REFERENCES edge_group(id) ON DELETE CASCADE
);

create table "idempotency_key" (
  caller text not null,
  key text not null,
  answer_sealed jsonb,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint idempotency_key_pkey PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_key_created_at_index ON public.idempotency_key USING btree (created_at);

create table "identity" (
  id uuid not null,
  user_id uuid not null,
  kind text not null,
  issuer text not null,
  subject text not null,
  created_at timestamp with time zone not null,
  constraint identity_kind_issuer_subject_unique UNIQUE (kind, issuer, subject),
  constraint identity_pkey PRIMARY KEY (id),
  constraint identity_user_id_foreign FOREIGN KEY (user_id) REFERENCES "user"(id),
  constraint identity_kind_check CHECK ((kind = ANY (ARRAY['ethereum'::text, 'openid'::text])))
);
CREATE INDEX identity_user_id_index ON public.identity USING btree (user_id);

create table "invitation" (
  id uuid not null,
  account_id uuid not null,
  email text not null,
  role text not null,
  status text not null,
  token_hash text not null,
  invited_by uuid not null,
  mails integer not null,
  created_at timestamp with time zone not null,
  mailed_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  constraint invitation_token_hash_unique UNIQUE (token_hash),
  constraint invitation_pkey PRIMARY KEY (id),
  constraint invitation_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint invitation_invited_by_foreign FOREIGN KEY (invited_by) REFERENCES "user"(id),
  constraint invitation_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'editor'::text, 'viewer'::text]))),
  constraint invitation_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'accepted'::text, 'declined'::text, 'revoked'::text, 'expired'::text])))
);
CREATE INDEX invitation_listed ON public.invitation USING btree (account_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX invitation_pending_unique ON public.invitation USING btree (account_id, lower(email)) WHERE (status = 'pending'::text);

create table "membership" (
  account_id uuid not null,
  user_id uuid not null,
  role text not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  id uuid not null default gen_random_uuid(),
  constraint membership_id_unique UNIQUE (id),
  constraint membership_pkey PRIMARY KEY (account_id, user_id),
  constraint membership_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint membership_user_id_foreign FOREIGN KEY (user_id) REFERENCES "user"(id),
  constraint membership_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'editor'::text, 'viewer'::text])))
);
CREATE INDEX membership_user_id_index ON public.membership USING btree (user_id);

create table "notification" (
  id uuid not null,
  account_id uuid not null,
  event text not null,
  subject text not null,
  body text not null,
  details jsonb not null,
  once text,
  created_at timestamp with time zone not null,
  told_at timestamp with time zone,
  wants_letter boolean not null,
  lettered_at timestamp with time zone,
  recipients jsonb,
  is_urgent boolean not null default false,
  constraint notification_account_id_once_unique UNIQUE (account_id, once),
  constraint notification_pkey PRIMARY KEY (id),
  constraint notification_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id)
);
CREATE INDEX notification_account_id_lettered_at_index ON public.notification USING btree (account_id, lettered_at);
CREATE INDEX notification_age ON public.notification USING btree (created_at);
CREATE INDEX notification_unwritten ON public.notification USING btree (account_id, created_at) WHERE (wants_letter AND (lettered_at IS NULL));

create table "one_time_token" (
  hash text not null,
  purpose text not null,
  user_id uuid not null,
  email text,
  cause uuid not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  constraint one_time_token_pkey PRIMARY KEY (hash),
  constraint one_time_token_user_id_foreign FOREIGN KEY (user_id) REFERENCES "user"(id),
  constraint one_time_token_purpose_check CHECK ((purpose = ANY (ARRAY['verify-email'::text, 'reset-password'::text, 'log-in'::text])))
);
CREATE INDEX one_time_token_expires_at_index ON public.one_time_token USING btree (expires_at);
CREATE INDEX one_time_token_user_id_purpose_index ON public.one_time_token USING btree (user_id, purpose);

create table "origin" (
  id uuid not null,
  distribution_id uuid not null,
  account_id uuid not null,
  label text not null,
  url text not null,
  type text not null,
  load_balancer_type text not null,
  protocol text not null,
  port integer not null,
  is_primary boolean not null,
  weight integer not null,
  host_header text not null,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  gotipath_deleted_at timestamp with time zone,
  is_tls_verified boolean not null default true,
  connect_timeout_seconds integer not null default 5,
  read_timeout_seconds integer not null default 30,
  health_check jsonb,
  "position" integer not null default 0,
  s3_type text,
  s3_style text,
  s3_region text,
  s3_bucket_name text,
  s3_storage_hostname text,
  s3_access_key_id text,
  s3_secret_id uuid,
  constraint origin_pkey PRIMARY KEY (id),
  constraint origin_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint origin_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint origin_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint origin_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint origin_load_balancer_type_check CHECK ((load_balancer_type = ANY (ARRAY['failover'::text, 'round_robin'::text, 'weighted'::text, 'consistent_hash'::text]))),
  constraint origin_protocol_check CHECK ((protocol = ANY (ARRAY['http'::text, 'https'::text]))),
  constraint origin_s3_style_check CHECK ((s3_style = ANY (ARRAY['path'::text, 'virtual'::text]))),
  constraint origin_s3_type_check CHECK ((s3_type = ANY (ARRAY['aws'::text, 'other'::text]))),
  constraint origin_type_check CHECK ((type = ANY (ARRAY['custom'::text, 's3'::text])))
);
CREATE INDEX origin_distribution_id_index ON public.origin USING btree (distribution_id);

create table "outbox" (
  id uuid not null,
  seq bigint not null default nextval('outbox_seq_seq'::regclass),
  job text not null,
  payload jsonb not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  relayed_at timestamp with time zone,
  failed_at timestamp with time zone,
  failure text,
  constraint outbox_pkey PRIMARY KEY (id)
);
CREATE INDEX outbox_relayed ON public.outbox USING btree (relayed_at) WHERE (failed_at IS NULL);
CREATE INDEX outbox_waiting ON public.outbox USING btree (seq) WHERE ((relayed_at IS NULL) AND (failed_at IS NULL));

create table "platform_secret" (
  name text not null,
  sealed jsonb not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint platform_secret_pkey PRIMARY KEY (name)
);

create table "prefetch" (
  id uuid not null,
  distribution_id uuid not null,
  urls jsonb not null,
  created_by uuid,
  created_at timestamp with time zone not null,
  appended_at timestamp with time zone,
  constraint prefetch_pkey PRIMARY KEY (id),
  constraint prefetch_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint prefetch_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id)
);
CREATE INDEX prefetch_age ON public.prefetch USING btree (created_at);
CREATE INDEX prefetch_waiting ON public.prefetch USING btree (created_at) WHERE (appended_at IS NULL);

create table "provider" (
  name text not null,
  is_enabled boolean not null,
  settings jsonb not null,
  credentials_sealed jsonb not null,
  is_healthy boolean,
  checked_at timestamp with time zone,
  check_error text,
  synced_at timestamp with time zone,
  sync_error text,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint provider_pkey PRIMARY KEY (name),
  constraint provider_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint provider_name_check CHECK ((name = ANY (ARRAY['gcore'::text, 'tm_swift'::text])))
);

create table "provider_link" (
  id uuid not null,
  provider text not null,
  resource text not null,
  account_id uuid not null,
  distribution_id uuid not null,
  since timestamp with time zone not null,
  until timestamp with time zone,
  synced_until timestamp with time zone,
  revised_at timestamp with time zone,
  sync_error text,
  created_by uuid,
  created_at timestamp with time zone not null,
  constraint provider_link_pkey PRIMARY KEY (id),
  constraint provider_link_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint provider_link_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint provider_link_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint provider_link_provider_check CHECK ((provider = ANY (ARRAY['gcore'::text, 'tm_swift'::text])))
);
CREATE UNIQUE INDEX provider_link_current ON public.provider_link USING btree (provider, resource) WHERE (until IS NULL);
CREATE INDEX provider_link_distribution_id_index ON public.provider_link USING btree (distribution_id);
CREATE INDEX provider_link_page ON public.provider_link USING btree (provider, created_at, id);
CREATE INDEX provider_link_provider_resource_since_index ON public.provider_link USING btree (provider, resource, since);

create table "purge" (
  id uuid not null,
  distribution_id uuid not null,
  epoch bigint not null,
  type text not null,
  items jsonb not null,
  marks integer not null,
  bytes integer not null,
  is_live boolean not null default true,
  created_by uuid,
  created_at timestamp with time zone not null,
  appended_at timestamp with time zone,
  constraint purge_distribution_id_epoch_unique UNIQUE (distribution_id, epoch),
  constraint purge_pkey PRIMARY KEY (id),
  constraint purge_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint purge_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint purge_type_check CHECK ((type = ANY (ARRAY['urls'::text, 'prefixes'::text, 'tags'::text, 'all'::text])))
);
CREATE INDEX purge_age ON public.purge USING btree (created_at);
CREATE INDEX purge_live ON public.purge USING btree (distribution_id, epoch) WHERE is_live;
CREATE INDEX purge_page ON public.purge USING btree (distribution_id, created_at, id);
CREATE INDEX purge_waiting ON public.purge USING btree (created_at) WHERE (appended_at IS NULL);

create table "purge_delivery" (
  purge_id uuid not null,
  scope uuid not null,
  rev bigint not null,
  done_at timestamp with time zone,
  constraint purge_delivery_pkey PRIMARY KEY (purge_id, scope),
  constraint purge_delivery_purge_id_foreign FOREIGN KEY (purge_id) REFERENCES purge(id) ON DELETE CASCADE,
  constraint purge_delivery_scope_foreign FOREIGN KEY (scope) REFERENCES edge_group(id) ON DELETE CASCADE
);
CREATE INDEX purge_delivery_waiting ON public.purge_delivery USING btree (scope, rev) WHERE (done_at IS NULL);

create table "purge_head" (
  distribution_id uuid not null,
  epoch bigint not null,
  marks integer not null,
  constraint purge_head_pkey PRIMARY KEY (distribution_id),
  constraint purge_head_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id)
);

create table "recovery_code" (
  user_id uuid not null,
  hash text not null,
  constraint recovery_code_pkey PRIMARY KEY (user_id, hash),
  constraint recovery_code_user_id_foreign FOREIGN KEY (user_id) REFERENCES user_totp(user_id) ON DELETE CASCADE
);

create table "rule" (
  id uuid not null,
  distribution_id uuid not null,
  account_id uuid not null,
  kind text not null,
  "position" integer not null,
  body jsonb not null,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint rule_place_unique UNIQUE (distribution_id, kind, "position") DEFERRABLE INITIALLY DEFERRED,
  constraint rule_pkey PRIMARY KEY (id),
  constraint rule_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint rule_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint rule_distribution_id_foreign FOREIGN KEY (distribution_id) REFERENCES distribution(id),
  constraint rule_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint rule_kind_check CHECK ((kind = ANY (ARRAY['cache_rule'::text, 'header_rule'::text, 'redirect'::text, 'access_rule'::text, 'rate_limit'::text])))
);

create table "secret" (
  id uuid not null,
  account_id uuid,
  purpose text not null,
  sealed jsonb not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint secret_pkey PRIMARY KEY (id),
  constraint secret_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id)
);
CREATE INDEX secret_account_id_index ON public.secret USING btree (account_id);

create table "session" (
  id uuid not null,
  user_id uuid not null,
  method text not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  client_address text,
  user_agent text,
  constraint session_pkey PRIMARY KEY (id),
  constraint session_user_id_foreign FOREIGN KEY (user_id) REFERENCES "user"(id),
  constraint session_method_check CHECK ((method = ANY (ARRAY['password'::text, 'ethereum'::text, 'openid'::text, 'command'::text])))
);
CREATE INDEX session_expires_at_index ON public.session USING btree (expires_at);
CREATE INDEX session_user_id_created_at_id_index ON public.session USING btree (user_id, created_at, id);

create table "signing_key" (
  kid uuid not null,
  sealed jsonb not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint signing_key_pkey PRIMARY KEY (kid)
);

create table "usage_closing" (
  month text not null,
  closed_at timestamp with time zone not null,
  constraint usage_closing_pkey PRIMARY KEY (month),
  constraint usage_closing_month_check CHECK ((month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$'::text))
);

create table "usage_edge" (
  edge_id uuid not null,
  region text not null,
  constraint usage_edge_pkey PRIMARY KEY (edge_id)
);

create table "usage_month" (
  account_id uuid not null,
  month text not null,
  figures jsonb not null,
  days jsonb not null,
  distributions jsonb not null,
  closed_at timestamp with time zone not null,
  constraint usage_month_pkey PRIMARY KEY (account_id, month),
  constraint usage_month_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint usage_month_month_check CHECK ((month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$'::text))
);
CREATE INDEX usage_month_month_account_id_index ON public.usage_month USING btree (month, account_id);

create table "usage_quota" (
  account_id uuid not null,
  requests bigint,
  bytes bigint,
  cuts_off boolean not null,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint usage_quota_pkey PRIMARY KEY (account_id),
  constraint usage_quota_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint usage_quota_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id),
  constraint usage_quota_bytes_check CHECK ((bytes > 0)),
  constraint usage_quota_requests_check CHECK ((requests > 0))
);

create table "user" (
  id uuid not null,
  username text not null,
  email text,
  password_hash text,
  platform_role text not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  email_verified_at timestamp with time zone,
  name text,
  bio text,
  avatar_url text,
  suspended_at timestamp with time zone,
  suspension_reason text,
  constraint user_pkey PRIMARY KEY (id),
  constraint user_platform_role_check CHECK ((platform_role = ANY (ARRAY['user'::text, 'premium'::text, 'moderator'::text, 'admin'::text])))
);
CREATE INDEX user_email_begins ON public."user" USING btree (lower(email) text_pattern_ops);
CREATE UNIQUE INDEX user_email_unique ON public."user" USING btree (lower(email));
CREATE INDEX user_listed ON public."user" USING btree (created_at DESC, id DESC);
CREATE INDEX user_username_begins ON public."user" USING btree (lower(username) text_pattern_ops);
CREATE UNIQUE INDEX user_username_unique ON public."user" USING btree (lower(username));

create table "user_totp" (
  user_id uuid not null,
  sealed jsonb not null,
  created_at timestamp with time zone not null,
  confirmed_at timestamp with time zone,
  last_step integer,
  failures integer not null default 0,
  locked_until timestamp with time zone,
  constraint user_totp_pkey PRIMARY KEY (user_id),
  constraint user_totp_user_id_foreign FOREIGN KEY (user_id) REFERENCES "user"(id)
);

create table "webhook" (
  id uuid not null,
  account_id uuid not null,
  url text not null,
  description text not null,
  events jsonb not null,
  is_enabled boolean not null,
  disabled_reason text,
  sealed jsonb not null,
  previous_sealed jsonb,
  previous_until timestamp with time zone,
  failing_since timestamp with time zone,
  created_by uuid,
  updated_by uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint webhook_pkey PRIMARY KEY (id),
  constraint webhook_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint webhook_created_by_foreign FOREIGN KEY (created_by) REFERENCES "user"(id),
  constraint webhook_updated_by_foreign FOREIGN KEY (updated_by) REFERENCES "user"(id)
);
CREATE INDEX webhook_page ON public.webhook USING btree (account_id, created_at, id);

create table "webhook_delivery" (
  id uuid not null,
  webhook_id uuid not null,
  account_id uuid not null,
  event text not null,
  body text not null,
  status text not null,
  attempts jsonb not null,
  next_attempt_at timestamp with time zone,
  claimed_until timestamp with time zone,
  created_at timestamp with time zone not null,
  finished_at timestamp with time zone,
  constraint webhook_delivery_pkey PRIMARY KEY (id),
  constraint webhook_delivery_account_id_foreign FOREIGN KEY (account_id) REFERENCES account(id),
  constraint webhook_delivery_webhook_id_foreign FOREIGN KEY (webhook_id) REFERENCES webhook(id) ON DELETE CASCADE,
  constraint webhook_delivery_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);
CREATE INDEX webhook_delivery_age ON public.webhook_delivery USING btree (created_at);
CREATE INDEX webhook_delivery_claimed ON public.webhook_delivery USING btree (account_id, claimed_until) WHERE (claimed_until IS NOT NULL);
CREATE INDEX webhook_delivery_due ON public.webhook_delivery USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);
CREATE INDEX webhook_delivery_page ON public.webhook_delivery USING btree (webhook_id, created_at, id);
CREATE INDEX webhook_delivery_waiting ON public.webhook_delivery USING btree (webhook_id) WHERE (next_attempt_at IS NOT NULL);
