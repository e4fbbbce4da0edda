-- The ballot box of many nodes. Each function is atomic and works on the keys of one shard (one hash slot). Nothing else
-- writes these, but for :tick:, which the bus raises as well. KEYS[1] is the shard's base, such as {voxpop:3}; all other
-- names grow from it:
--
--   :shard        hash    epoch, head (entries appended), wm (entries recorded in SQL), since (when the oldest
--                         unrecorded entry came, in ms)
--   :stream       stream  what the recorder writes to SQL; ids <epoch>-<n>, n without gaps
--   :polls        set     polls that are loaded
--   :poll:<id>    hash    where a poll is in its life, its settings, its count's epoch and version
--   :marks:<id>   hash    mark -> how often
--   :voters:<id>  hash    voter -> the ballot that stands, of this round or the latest before it
--   :retired:<id> hash    guest of the room that has become an account, and votes no more -> that account
--   :closing      zset    closed polls that are not final, by the entry that SQL has to pass
--   :poison       set     entries that SQL refused
--   :stage:<id>:<token>  hash  voters of a poll that is being loaded; for LOADING seconds
--   :gone:<id>    string  a poll that was deleted, for an hour, so that no late load brings it back
--   :room:<id>    string  revision of a room's settings, for an hour, so that no late load brings older ones
--   :here:<room>  hash    node -> people in the room, and until when that holds
--   :tick:<room>  string  rises when something about a room changes that only SQL holds; for a day

-- The epoch that each shard was attached under. It is gone with the process: a Redis that was restarted, or
-- took another's place, knows of none and refuses, until a rebuilder has compared it with SQL.
local attached = {}

local LAG = 3000        -- ms that recording may be late before results are provisional
local HOUR = 3600       -- s
local LOADING = 120     -- s that loading a poll may take; far less than a poll is kept unused
local USED = 60000      -- ms between notes of when a poll was used last

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function shard_of(base)
  local found = redis.call('HMGET', base .. ':shard', 'epoch', 'head', 'wm', 'since')
  return { epoch = found[1], head = tonumber(found[2] or 0), wm = tonumber(found[3] or 0), since = tonumber(found[4] or '') }
end

local function is_attached(base, shard)
  return shard.epoch and attached[base] == shard.epoch
end

-- What is kept of a poll. `state`, `round`, `revision` and `closes` (ms) are what is needed here of its life, `change` ('1':
-- a vote may be changed) and `voters` ('guest' or 'account': who may vote) of its room's settings; `life` and `settings`
-- are all of either as JSON, for nodes to read. `retired` is '1' where some guests are. `latched` is when its countdown
-- closed it (ms), until SQL has said so; `last` the last entry that is about it; `used` when it was last used (ms).
local POLL = { 'room', 'state', 'round', 'revision', 'closes', 'life', 'latched', 'change', 'voters', 'settings',
  'settings_revision', 'epoch', 'version', 'ballots', 'last', 'final', 'provisional', 'used', 'retired' }

local function poll_of(base, id)
  local found = redis.call('HMGET', base .. ':poll:' .. id, unpack(POLL))
  if not found[1] then return nil end
  local poll = { id = id, key = base .. ':poll:' .. id }
  for at, field in ipairs(POLL) do poll[field] = found[at] end
  poll.closes = tonumber(poll.closes)
  poll.version = tonumber(poll.version)
  poll.last = tonumber(poll.last)
  return poll
end

local function raise(poll)
  poll.version = redis.call('HINCRBY', poll.key, 'version', 1)
end

-- Closes a poll whose time is over, whoever comes first. What SQL says of it follows by a command.
local function latch(poll, now)
  if poll.state == 'open' and poll.closes and poll.closes <= now then
    poll.state = 'closed'
    poll.latched = tostring(poll.closes)
    redis.call('HSET', poll.key, 'state', 'closed', 'latched', poll.latched)
    raise(poll)
  end
end

local function note_use(poll, now)
  if now - tonumber(poll.used) > USED then redis.call('HSET', poll.key, 'used', now) end
end

-- Appends an entry. It goes before every other write, so that a failure leaves nothing half done.
local function append(base, shard, now, ...)
  local n = shard.head + 1
  redis.call('XADD', base .. ':stream', shard.epoch .. '-' .. n, ...)
  redis.call('HSET', base .. ':shard', 'head', n)
  if shard.head == shard.wm then redis.call('HSET', base .. ':shard', 'since', now) end
  shard.head = n
  return n
end

-- Has every node read the room again, should what it is told by messages go missing.
local function tick(base, room)
  redis.call('INCR', base .. ':tick:' .. room)
  redis.call('EXPIRE', base .. ':tick:' .. room, 24 * HOUR)
end

-- Ids are compared as numbers: how strings compare depends on the locale of the server.
local function is_later(one, other)
  local a1, a2, a3, a4 = struct.unpack('>I4I4I4I4', one)
  local b1, b2, b3, b4 = struct.unpack('>I4I4I4I4', other)
  if a1 ~= b1 then return a1 > b1 end
  if a2 ~= b2 then return a2 > b2 end
  if a3 ~= b3 then return a3 > b3 end
  return a4 > b4
end

-- What stands of a voter: ballot (16 bytes), round, entry, choice, and on a line each the marks that it made.
local function standing_of(base, poll, voter)
  local value = redis.call('HGET', base .. ':voters:' .. poll.id, voter)
  if not value then return nil end
  local round, n, choice, marks = string.match(value, '^(%d+) (%d+) ([^\n]*)\n(.*)$', 17)
  return { ballot = string.sub(value, 1, 16), round = round, n = tonumber(n), choice = choice, marks = marks }
end

local function count(base, poll, marks, by)
  local key = base .. ':marks:' .. poll.id
  for mark in string.gmatch(marks, '[^\n]+') do
    if redis.call('HINCRBY', key, mark, by) == 0 then redis.call('HDEL', key, mark) end
  end
end

-- Why a ballot does not count; nil when it does. The order is that of domain::ballot::judge.
local function refusal(base, poll, voter, standing, ballot, choice, known, valid, guest, ticket)
  if guest == '1' and poll.retired == '1' and redis.call('HEXISTS', base .. ':retired:' .. poll.id, voter) == 1 then
    return 'not_eligible'
  end
  if standing then
    local present = standing.round == poll.round
    if present and ballot == standing.ballot then
      return choice == standing.choice and 'repeat' or 'ballot_reused'
    end
    if not is_later(ballot, standing.ballot) then return present and 'superseded' or 'reset' end
  end
  if poll.state == 'draft' then return 'not_open' end
  if poll.state == 'closed' then return 'closed' end
  if guest == '1' and poll.voters == 'account' then return 'not_eligible' end
  if ticket ~= '1' and poll.voters == 'ticket' then return 'not_eligible' end
  if known ~= poll.round then return 'stale' end
  if valid == '0' then return 'invalid_choice' end
  local has_voted = standing and standing.round == poll.round and standing.choice ~= 'null'
  if has_voted and poll.change == '0' then return 'already_voted' end
  return nil
end

-- ARGV: poll, voter, ballot, round that the caller knows the definition of (-1: none), choice as JSON, its marks,
-- whether the choice is valid, whether the voter is a guest, whether it holds a ticket, most entries that may wait for SQL.
-- Answers: verdict, then of what stands afterwards: ballot, choice, shard epoch, entry; then round, epoch, version.
local function cast(keys, args)
  local base = keys[1]
  local id, voter, ballot, known, choice, marks, valid, guest, ticket, most = unpack(args)
  local shard = shard_of(base)
  if not is_attached(base, shard) then return { 'rebuilding' } end
  local poll = poll_of(base, id)
  if not poll then return { 'unloaded' } end
  local now = clock()
  latch(poll, now)
  local standing = standing_of(base, poll, voter)
  local verdict = refusal(base, poll, voter, standing, ballot, choice, known, valid, guest, ticket)
  if verdict == 'repeat' then
    local recorded = standing.n <= shard.wm and redis.call('SISMEMBER', base .. ':poison', standing.n) == 0
    verdict = recorded and 'recorded' or 'accepted'
  elseif not verdict and shard.head - shard.wm >= tonumber(most) then
    verdict = 'overloaded'
  end
  if verdict then
    local stands = standing and (standing.round == poll.round or verdict == 'reset') and standing or {}
    local shown = stands.round == poll.round and stands.choice or ''
    return { verdict, stands.ballot or '', shown, tonumber(shard.epoch), stands.n or 0, tonumber(poll.round),
      tonumber(poll.epoch), poll.version }
  end

  local n = append(base, shard, now, 'vote', id, 'round', poll.round, 'voter', voter, 'ballot', ballot, 'choice', choice)
  local before = 0
  if standing and standing.round == poll.round then
    count(base, poll, standing.marks, -1)
    before = standing.choice ~= 'null' and 1 or 0
  end
  count(base, poll, marks, 1)
  redis.call('HSET', base .. ':voters:' .. id, voter, ballot .. poll.round .. ' ' .. n .. ' ' .. choice .. '\n' .. marks)
  local people = (choice ~= 'null' and 1 or 0) - before
  redis.call('HSET', poll.key, 'last', n, 'used', now, 'version', poll.version + 1, 'ballots', poll.ballots + people)
  return { 'counted', ballot, choice, tonumber(shard.epoch), n, tonumber(poll.round), tonumber(poll.epoch), poll.version + 1 }
end

-- The ballot one millisecond after another: what takes its place without its client's doing.
local function next_after(ballot)
  local high, low = struct.unpack('>I2I4', ballot)
  if low == 4294967295 then high, low = high + 1, 0 else low = low + 1 end
  return struct.pack('>I2I4', high, low) .. string.sub(ballot, 7)
end

-- Makes what a guest chose in a poll that is open the account's: the account's own ballot stands where it has one, else the
-- guest's moves. Answers poll, round, guest, account, shard epoch, entry, epoch, version, the guest's withdrawn ballot, the
-- account's or '', choice; nil when there is nothing to move.
local function move(base, shard, poll, now, guest, account)
  local theirs = standing_of(base, poll, guest)
  if not theirs or theirs.round ~= poll.round or theirs.choice == 'null' then return nil end
  local own = standing_of(base, poll, account)
  local moves = not (own and own.round == poll.round)
  local withdrawn, ballot = next_after(theirs.ballot), moves and theirs.ballot or ''
  local n = append(base, shard, now, 'adopt', poll.id, 'round', poll.round, 'guest', guest, 'withdrawn', withdrawn,
    'account', account, 'ballot', ballot, 'choice', theirs.choice)
  local key, entry = base .. ':voters:' .. poll.id, poll.round .. ' ' .. n .. ' '
  redis.call('HSET', key, guest, withdrawn .. entry .. 'null\n')
  if moves then
    redis.call('HSET', key, account, ballot .. entry .. theirs.choice .. '\n' .. theirs.marks)
  else
    count(base, poll, theirs.marks, -1)
    redis.call('HINCRBY', poll.key, 'ballots', -1)
  end
  raise(poll)
  redis.call('HSET', poll.key, 'last', n, 'used', now)
  return { poll.id, tonumber(poll.round), guest, account, tonumber(shard.epoch), n, tonumber(poll.epoch), poll.version,
    withdrawn, ballot, theirs.choice }
end

-- Moves the votes of these guests, if the poll is open: guest and account in turn. Appends what moved to `moved`.
local function move_all(base, shard, id, now, adopted, moved)
  local poll = poll_of(base, id)
  latch(poll, now)
  if poll.state ~= 'open' then return end
  for at = 1, #adopted, 2 do
    local done = move(base, shard, poll, now, adopted[at], adopted[at + 1])
    if done then table.insert(moved, done) end
  end
end

-- The same for all guests of a poll that have become accounts, when it becomes open here. What its close kept of a guest
-- must not count beside the account's.
local function settle(base, shard, id, now)
  local moved = {}
  move_all(base, shard, id, now, redis.call('HGETALL', base .. ':retired:' .. id), moved)
  return moved
end

-- Puts voters of a poll that is being loaded aside. A loader begins with none, before it reads SQL, and has so much time
-- from then on: what it read must not be old when the poll becomes live. ARGV: poll, loader's token, then voter and value
-- in turn.
local function stage(keys, args)
  local key = keys[1] .. ':stage:' .. args[1] .. ':' .. args[2]
  if #args == 2 then
    redis.call('HSET', key, 'begun', '1')
    redis.call('EXPIRE', key, LOADING)
  elseif redis.call('EXISTS', key) == 0 then
    return 'late'
  end
  for at = 3, #args, 2 do redis.call('HSET', key, args[at], args[at + 1]) end
  return 'done'
end

local function set_life(base, shard, poll, n, round, revision, state, closes, life)
  redis.call('HSET', poll, 'round', round, 'revision', revision, 'state', state, 'closes', closes, 'life', life,
    'latched', '', 'final', '0', 'last', n)
end

local function await_final(base, id, state, n)
  if state == 'closed' then
    redis.call('ZADD', base .. ':closing', n, id)
  else
    redis.call('ZREM', base .. ':closing', id)
  end
end

-- Makes a poll live with what was staged. ARGV: poll, token, shard epoch that the loader started under, whether it is
-- settled (the outbox has nothing of it; else this tells it, by an entry for the recorder to take it out), whether it is
-- final, whether SQL refused ballots of this round, round, revision, state, closes, life, room, its settings' revision,
-- change, voters, settings, the count's epoch, ballots, how many voters were staged, how many guests are retired, these and
-- their accounts in turn, then mark and count in turn. Answers a word, and what was moved to accounts.
local function load(keys, args)
  local base = keys[1]
  local id, token, started, settled, final, poisoned, round, revision, state, closes, life, room, settings_revision, change, voters,
    settings, epoch, ballots, staged, retired = unpack(args, 1, 20)
  local shard = shard_of(base)
  if not is_attached(base, shard) or started ~= shard.epoch then return { 'rebuilding' } end
  if redis.call('EXISTS', base .. ':gone:' .. id) == 1 then return { 'gone' } end
  local key = base .. ':poll:' .. id
  if redis.call('EXISTS', key) == 1 then return { 'live' } end
  local newest = redis.call('GET', base .. ':room:' .. room)
  if newest and tonumber(newest) > tonumber(settings_revision) then return { 'stale' } end
  local aside = base .. ':stage:' .. id .. ':' .. token
  if redis.call('HLEN', aside) ~= staged + 1 then return { 'stale' } end
  local now, n = clock(), 0
  if settled == '0' then n = append(base, shard, now, 'poll', id, 'revision', revision) end
  redis.call('RENAME', aside, base .. ':voters:' .. id)
  redis.call('PERSIST', base .. ':voters:' .. id)
  redis.call('HDEL', base .. ':voters:' .. id, 'begun')
  for at = 21, 20 + 2 * retired, 2 do redis.call('HSET', base .. ':retired:' .. id, args[at], args[at + 1]) end
  for at = 21 + 2 * retired, #args, 2 do redis.call('HSET', base .. ':marks:' .. id, args[at], args[at + 1]) end
  redis.call('HSET', key, 'room', room, 'change', change, 'voters', voters, 'settings', settings, 'settings_revision',
    settings_revision, 'epoch', epoch, 'version', 0, 'ballots', ballots, 'provisional', '0', 'used', now,
    'retired', retired == '0' and '0' or '1')
  set_life(base, shard, key, n, round, revision, state, closes, life)
  if poisoned == '1' then redis.call('HSET', key, 'poison', '1') end
  redis.call('SADD', base .. ':polls', id)
  if final == '1' then
    redis.call('HSET', key, 'final', '1')
  elseif settled == '0' then
    await_final(base, id, state, n)
  end
  return { 'done', settle(base, shard, id, now) }
end

-- Takes over what SQL says of a poll's life. ARGV: poll, round, revision, state, closes, life, the new round's epoch.
-- Answers a word, and what was moved to accounts.
local function apply(keys, args)
  local base = keys[1]
  local id, round, revision, state, closes, life, epoch = unpack(args)
  local shard = shard_of(base)
  if not is_attached(base, shard) then return { 'rebuilding' } end
  local poll = poll_of(base, id)
  if not poll then return { 'unloaded' } end
  if tonumber(revision) <= tonumber(poll.revision) then return { 'done' } end
  local now = clock()
  local n = append(base, shard, now, 'poll', id, 'revision', revision)
  if round ~= poll.round then
    redis.call('UNLINK', base .. ':marks:' .. id)
    redis.call('HDEL', poll.key, 'poison')
    redis.call('HSET', poll.key, 'ballots', 0, 'epoch', epoch, 'version', 0)
  end
  set_life(base, shard, poll.key, n, round, revision, state, closes, life)
  await_final(base, id, state, n)
  raise(poll)
  tick(base, poll.room)
  return { 'done', settle(base, shard, id, now) }
end

-- Takes over a room's settings, and guests that have become accounts. ARGV: room, revision, change, voters, settings, whether
-- all such guests are named ('1') or only those of this revision, how many, guest and account in turn, then the room's
-- polls. A poll that knows a revision knows every guest up to it, so where one before this is missing all have to be named:
-- 'gap'. Answers a word, what was moved to accounts, shard epoch and last entry: once that is recorded, so is all this.
local function settings(keys, args)
  local base = keys[1]
  local room, revision, change, voters, written, all, named = unpack(args, 1, 7)
  local shard = shard_of(base)
  if not is_attached(base, shard) then return { 'rebuilding' } end
  local first = 8 + 2 * named
  if all ~= '1' then
    for at = first, #args do
      local poll = poll_of(base, args[at])
      if poll and tonumber(poll.settings_revision) < revision - 1 then return { 'gap' } end
    end
  end
  local now, adopted, moved = clock(), {}, {}
  append(base, shard, now, 'room', room, 'revision', revision)
  tick(base, room)
  local newest = redis.call('GET', base .. ':room:' .. room)
  if not newest or tonumber(newest) < tonumber(revision) then
    redis.call('SET', base .. ':room:' .. room, revision, 'EX', HOUR)
  end
  for at = 8, first - 1 do adopted[at - 7] = args[at] end
  for at = first, #args do
    local id = args[at]
    local poll = poll_of(base, id)
    if poll and tonumber(poll.settings_revision) < tonumber(revision) then
      redis.call('HSET', poll.key, 'change', change, 'voters', voters, 'settings', written, 'settings_revision', revision)
      raise(poll)
      if #adopted > 0 then
        for pair = 1, #adopted, 2 do redis.call('HSET', base .. ':retired:' .. id, adopted[pair], adopted[pair + 1]) end
        redis.call('HSET', poll.key, 'retired', '1')
        move_all(base, shard, id, now, adopted, moved)
      end
    end
  end
  return { 'done', moved, tonumber(shard.epoch), shard.head }
end

local function unload(base, id)
  redis.call('UNLINK', base .. ':poll:' .. id, base .. ':marks:' .. id, base .. ':voters:' .. id, base .. ':retired:' .. id)
  redis.call('SREM', base .. ':polls', id)
  redis.call('ZREM', base .. ':closing', id)
end

-- Drops a poll for good. ARGV: poll, room.
local function delete(keys, args)
  local base, id, room = keys[1], args[1], args[2]
  local shard = shard_of(base)
  if not is_attached(base, shard) then return 'rebuilding' end
  append(base, shard, clock(), 'gone', id)
  redis.call('SET', base .. ':gone:' .. id, '1', 'EX', HOUR)
  tick(base, room)
  unload(base, id)
  return 'done'
end

-- How polls stand and what decides who may see it. ARGV: polls. Those that are not loaded answer as false.
local function now(keys, args)
  local base = keys[1]
  local shard = shard_of(base)
  if not is_attached(base, shard) then return { 'rebuilding' } end
  local at = clock()
  local late = shard.head > shard.wm and shard.since and at - shard.since > LAG
  local found = {}
  for index, id in ipairs(args) do
    local poll = poll_of(base, id)
    found[index] = false
    if poll then
      latch(poll, at)
      note_use(poll, at)
      local provisional = late and poll.last > shard.wm and '1' or '0'
      if provisional ~= poll.provisional then
        redis.call('HSET', poll.key, 'provisional', provisional)
        raise(poll)
      end
      found[index] = { poll.life, poll.latched, poll.settings, tonumber(poll.settings_revision), tonumber(poll.epoch),
        poll.version, tonumber(poll.ballots), tonumber(provisional), tonumber(poll.final),
        redis.call('HGETALL', base .. ':marks:' .. id) }
    end
  end
  return { 'done', found }
end

-- What stands of a voter. ARGV: voter, polls. Polls that are not loaded answer as false.
local function stands(keys, args)
  local base, voter = keys[1], args[1]
  if not is_attached(base, shard_of(base)) then return { 'rebuilding' } end
  local found = {}
  for index = 2, #args do
    local poll = poll_of(base, args[index])
    local standing = poll and standing_of(base, poll, voter)
    if not poll then
      found[index - 1] = false
    elseif standing and standing.round == poll.round then
      found[index - 1] = { tonumber(standing.round), standing.ballot, standing.choice }
    else
      found[index - 1] = {}
    end
  end
  return { 'done', found }
end

-- What a node with people in a room hears of it each second. ARGV: room, node, people there, ms that this holds,
-- polls. Answers: people on all nodes, tick, shard epoch, entries recorded, those of them that SQL refused, and of each
-- poll epoch and version.
local function pulse(keys, args)
  local base = keys[1]
  local room, node, people, holds = unpack(args, 1, 4)
  local shard = shard_of(base)
  if not is_attached(base, shard) then return { 'rebuilding' } end
  local at, here, all = clock(), base .. ':here:' .. room, 0
  redis.call('HSET', here, node, people .. ' ' .. at + holds)
  redis.call('PEXPIRE', here, holds)
  local told = redis.call('HGETALL', here)
  for index = 1, #told, 2 do
    local number, till = string.match(told[index + 1], '^(%d+) (%d+)$')
    if tonumber(till) < at then
      redis.call('HDEL', here, told[index])
    else
      all = all + number
    end
  end
  local late = shard.head > shard.wm and shard.since and at - shard.since > LAG
  local versions = {}
  for index = 5, #args do
    local poll = poll_of(base, args[index])
    versions[index - 4] = false
    if poll then
      latch(poll, at)
      note_use(poll, at)
      -- A poll that has to change whether it is provisional is read as one that changed.
      local provisional = late and poll.last > shard.wm and '1' or '0'
      local version = provisional == poll.provisional and poll.version or poll.version + 1
      versions[index - 4] = { tonumber(poll.epoch), version }
    end
  end
  return { 'done', all, redis.call('GET', base .. ':tick:' .. room) or '', tonumber(shard.epoch), shard.wm,
    redis.call('SMEMBERS', base .. ':poison'), versions }
end

-- Makes a poll's tally newer than it was, for a viewer who may see more of the same. ARGV: poll.
local function touch(keys, args)
  local poll = is_attached(keys[1], shard_of(keys[1])) and poll_of(keys[1], args[1])
  if poll then raise(poll) end
  return 'done'
end

-- Answers: epoch attached under, epoch stored, entries appended, entries recorded, those of them that SQL refused, first
-- entry that is still here.
local function status(keys)
  local shard = shard_of(keys[1])
  local first = redis.call('XRANGE', keys[1] .. ':stream', '-', '+', 'COUNT', 1)[1]
  return { attached[keys[1]] or '', shard.epoch or '', shard.head, shard.wm,
    redis.call('SMEMBERS', keys[1] .. ':poison'), first and first[1] or '' }
end

-- A rebuild's first step: nothing is counted until its last. ARGV: the new epoch.
local function begin(keys, args)
  local base, epoch = keys[1], tonumber(args[1])
  local stored = tonumber(redis.call('HGET', base .. ':shard', 'epoch') or '0')
  if epoch <= stored or epoch <= tonumber(attached[base] or '0') then return 'late' end
  attached[base] = nil
  redis.call('HSET', base .. ':shard', 'epoch', args[1], 'head', 0, 'wm', 0, 'since', '')
  return 'done'
end

-- Its middle: drops what was here, some at a time. ARGV: the new epoch, how many polls. Answers how many are left.
local function wipe(keys, args)
  local base = keys[1]
  if attached[base] or redis.call('HGET', base .. ':shard', 'epoch') ~= args[1] then return -1 end
  for _, id in ipairs(redis.call('SPOP', base .. ':polls', args[2])) do unload(base, id) end
  local left = redis.call('SCARD', base .. ':polls')
  if left == 0 then redis.call('UNLINK', base .. ':stream', base .. ':closing', base .. ':poison') end
  return left
end

-- Its last step. ARGV: the new epoch.
local function attach(keys, args)
  local base = keys[1]
  local shard = redis.call('HMGET', base .. ':shard', 'epoch', 'head')
  if shard[1] ~= args[1] or shard[2] ~= '0' then return 'late' end
  if redis.call('EXISTS', base .. ':stream', base .. ':polls') > 0 then return 'late' end
  attached[base] = args[1]
  return 'done'
end

-- SQL has all entries up to n, but for the poisonous. ARGV: epoch, n, then poll and entry of each poisonous one.
-- Answers the polls that are final now.
local function watermark(keys, args)
  local base = keys[1]
  local epoch, n = args[1], tonumber(args[2])
  local shard = shard_of(base)
  if shard.epoch ~= epoch then return { 'rebuilding' } end
  for at = 3, #args, 2 do
    if redis.call('EXISTS', base .. ':poll:' .. args[at]) == 1 then
      redis.call('HSET', base .. ':poll:' .. args[at], 'poison', '1')
    end
    redis.call('SADD', base .. ':poison', args[at + 1])
  end
  if n > shard.wm then
    redis.call('HSET', base .. ':shard', 'wm', n, 'since', shard.head > n and clock() or '')
    redis.call('XTRIM', base .. ':stream', 'MINID', epoch .. '-' .. n + 1)
  end
  local finals = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. ':closing', '-inf', n)) do
    local poll = poll_of(base, id)
    if poll and not redis.call('HGET', poll.key, 'poison') then
      redis.call('HSET', poll.key, 'final', '1')
      raise(poll)
      table.insert(finals, { id, poll.room })
    end
    redis.call('ZREM', base .. ':closing', id)
  end
  return { 'done', finals }
end

-- Drops some polls that nobody used for a while and that SQL holds whole. ARGV: ms, how many to look at.
local function sweep(keys, args)
  local base = keys[1]
  local shard = shard_of(base)
  if not is_attached(base, shard) then return 0 end
  local before, dropped = clock() - args[1], 0
  for _, id in ipairs(redis.call('SRANDMEMBER', base .. ':polls', args[2])) do
    local poll = poll_of(base, id)
    if poll and poll.last <= shard.wm and tonumber(poll.used) < before then
      unload(base, id)
      dropped = dropped + 1
    end
  end
  return dropped
end

-- Counts by address, account or the like, on keys of their own that vanish when they say nothing any more.

-- Takes one of a rate, kept as up to when all has been used (in µs). ARGV: µs for one, µs for all that come at once.
-- Answers how many µs to wait; 0 when it was taken.
local function take(keys, args)
  local interval, window = tonumber(args[1]), tonumber(args[2])
  local time = redis.call('TIME')
  local at = time[1] * 1000000 + time[2]
  local used = math.max(tonumber(redis.call('GET', keys[1]) or '0'), at) + interval
  if used - at > window then return used - at - window end
  redis.call('SET', keys[1], string.format('%.0f', used), 'PX', math.ceil((used - at) / 1000) + 1)
  return 0
end

-- Adds one to what was used of a rate, whatever that is. ARGV: as above. Answers how many µs the next has to wait. Who goes far
-- beyond a rate owes no more than who is just beyond it: others may share what is counted.
local function charge(keys, args)
  local interval, window = tonumber(args[1]), tonumber(args[2])
  local time = redis.call('TIME')
  local at = time[1] * 1000000 + time[2]
  local used = math.max(tonumber(redis.call('GET', keys[1]) or '0'), at) + interval
  used = math.min(used, at + window + interval)
  redis.call('SET', keys[1], string.format('%.0f', used), 'PX', math.ceil((used - at) / 1000) + 1)
  return math.max(used + interval - at - window, 0)
end

-- Counts a try as failed until it is forgiven. ARGV: how many cost nothing, then in ms the first wait, the longest, and
-- for how long they are kept. Answers how many ms to wait; 0 when it may go on.
local function try(keys, args)
  local free, first, longest, kept = tonumber(args[1]), tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local found = redis.call('HMGET', keys[1], 'failed', 'till')
  local failed, at = tonumber(found[1] or '0') + 1, clock()
  local left = tonumber(found[2] or '0') - at
  if left > 0 then return left end
  local wait = 0
  if failed > free then wait = math.min(first * 2 ^ math.min(failed - free - 1, 20), longest) end
  redis.call('HSET', keys[1], 'failed', failed, 'till', string.format('%.0f', at + wait))
  redis.call('PEXPIRE', keys[1], math.max(kept, wait))
  return 0
end

-- Takes tries back that succeeded. ARGV: '1' for all of them, else the last.
local function forgive(keys, args)
  if args[1] == '1' then
    redis.call('DEL', keys[1])
  elseif tonumber(redis.call('HGET', keys[1], 'failed') or '0') > 0 then
    redis.call('HINCRBY', keys[1], 'failed', -1)
    redis.call('HSET', keys[1], 'till', 0)
  end
  return 0
end

-- What needs more memory is refused when it is full; the rest goes on. While a library is loaded Lua has no loops over
-- tables, so each function has its line.
local function register(name, callback, flags)
  redis.register_function({ function_name = '@LIBRARY@_' .. name, callback = callback, flags = flags })
end
register('cast', cast, {})
register('stage', stage, {})
register('load', load, {})
register('apply', apply, { 'allow-oom' })
register('settings', settings, { 'allow-oom' })
register('delete', delete, { 'allow-oom' })
register('now', now, { 'allow-oom' })
register('stands', stands, { 'allow-oom' })
register('pulse', pulse, { 'allow-oom' })
register('touch', touch, { 'allow-oom' })
register('status', status, { 'allow-oom' })
register('begin', begin, { 'allow-oom' })
register('wipe', wipe, { 'allow-oom' })
register('attach', attach, { 'allow-oom' })
register('watermark', watermark, { 'allow-oom' })
register('sweep', sweep, { 'allow-oom' })
register('take', take, {})
register('charge', charge, {})
register('try', try, {})
register('forgive', forgive, { 'allow-oom' })
