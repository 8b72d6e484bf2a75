-- Questions of which nobody but the case owner may know.
alter table consultation.leg add column hidden boolean not null default false;
