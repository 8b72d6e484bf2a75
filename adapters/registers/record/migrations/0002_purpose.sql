-- What an exchange was for, in the words of who asked; empty where nobody said.
alter table register.exchange add column purpose text not null default '';
