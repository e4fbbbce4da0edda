-- Sessions that know nothing of refresh tokens: whoever had one signs in anew.
DROP TABLE sessions;
