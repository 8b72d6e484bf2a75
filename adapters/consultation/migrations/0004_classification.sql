-- How secret an answer is. What is more secret than AK is refused at the doors;
-- this is the last guard.
alter table consultation.answer
    add column classification text not null default 'AK' check (classification in ('AVALIK', 'AK'));
