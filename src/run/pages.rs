//! The pages of `cutover explain` for what stops a run on its way.

/// A page, and whether what it is about can be waived.
pub struct RunPage {
    pub code: &'static str,
    pub title: &'static str,
    pub waivable: bool,
    pub page: &'static str,
}

/// In the order of the codes.
pub static PAGES: &[RunPage] = &[
    RunPage { code: "C301", title: "A stream does not go on", waivable: false, page: STREAM_STANDS },
    RunPage { code: "C302", title: "Somebody stopped a stream", waivable: false, page: STREAM_STOPPED },
    RunPage { code: "C310", title: "VDiff found rows that differ", waivable: true, page: MISMATCH },
    RunPage { code: "C311", title: "VDiff proves nothing", waivable: false, page: NO_PROOF },
    RunPage { code: "C312", title: "Vitess refuses a write", waivable: false, page: REFUSED },
    RunPage { code: "C313", title: "A tablet does not answer", waivable: false, page: SILENT_TABLET },
    RunPage { code: "C314", title: "A primary takes no writes", waivable: false, page: READ_ONLY_PRIMARY },
    RunPage { code: "C320", title: "The kept routing rules are not here", waivable: false, page: NOT_KEPT },
    RunPage { code: "C321", title: "There are no routing rules to restore", waivable: false, page: NOTHING_TO_RESTORE },
    RunPage { code: "C330", title: "There is no way back from here", waivable: false, page: NO_WAY_BACK },
    RunPage { code: "C331", title: "Cancelling would drop the newer rows", waivable: false, page: WRITES_AT_TARGET },
    RunPage { code: "C332", title: "It can't be cancelled from here", waivable: false, page: NOT_CANCELLABLE },
    RunPage { code: "C333", title: "The way back is not open", waivable: false, page: WAY_BACK_DEAD },
    RunPage { code: "C334", title: "Pausing stops nothing now", waivable: false, page: NOTHING_TO_PAUSE },
    RunPage { code: "C335", title: "The clocks disagree on the end of the revert window", waivable: false, page: CLOCKS },
    RunPage { code: "C336", title: "A journal is in the way of the switch back", waivable: false, page: JOURNAL },
    RunPage { code: "C340", title: "The way back is dead before `complete`", waivable: true, page: REVERSE_STREAMS },
    RunPage { code: "C341", title: "Open transactions could not be seen", waivable: true, page: TRANSACTIONS_UNSEEN },
    RunPage { code: "C342", title: "Old transactions hold locks on moved tables", waivable: true, page: OLD_TRANSACTIONS },
    RunPage { code: "C401", title: "Somebody changed what is ours", waivable: true, page: DRIFT },
    RunPage { code: "C402", title: "The workflow is not ours", waivable: false, page: FOREIGN },
    RunPage { code: "C403", title: "The cluster contradicts the record", waivable: false, page: CONTRADICTION },
    RunPage { code: "C404", title: "The cluster is between states", waivable: false, page: BETWEEN },
    RunPage { code: "C405", title: "Not as forecast after a write", waivable: true, page: NOT_AS_FORECAST },
    RunPage { code: "C406", title: "The plan file was edited under a run", waivable: false, page: EDITED },
    RunPage { code: "C407", title: "Looks take too long to write on", waivable: false, page: SLOW },
    RunPage { code: "C408", title: "A dead vtctld has left a lock", waivable: false, page: STALE_LOCK },
    RunPage { code: "C409", title: "A saved plan is no longer what would happen", waivable: false, page: STALE_PLAN },
    RunPage { code: "C410", title: "The streams are not what the plan file says", waivable: false, page: ANOTHER },
    RunPage { code: "C411", title: "It can't be adopted as it is", waivable: false, page: NOT_ADOPTABLE },
];

pub fn is_waivable(code: &str) -> bool {
    PAGES.iter().any(|page| page.code == code && page.waivable)
}

const STALE_PLAN: &str = "## What it means

`cutover apply FILE.json` does exactly what a saved plan shows. What would happen now is something else: the plan file means
something else, the cluster is another, or what the plan rests on there has changed: routing rules, shards, denied tables, VSchema or
streams of these tables, or their definitions at the source. Each line names one difference between then and now; of a definition it
names the column or the key.

## Why it matters

Somebody said yes to what the saved plan shows, not to this. Nothing was written.

## What to do

Plan again (`cutover plan --out FILE.json`), have it reviewed, and apply that. Once the movement has begun with the
plan file as it was, running the same command again goes on with it: what others change meanwhile is looked at before each write.
";

const ANOTHER: &str = "## What it means

`cutover adopt` compares the streams that are there with the plan file: keyspaces, tables, `on-ddl`, cells, tablet types, time zone,
filters, and what the workflow was made with as long as that has an effect. Something is not the same. What Vitess does not show is
not compared.

## Why it matters

From the adoption on the plan file says what the movement is, and this part of it is frozen. A file that says something else than the
streams do would mislead everybody who reads it. vtctldclient's defaults are not cutover's: it makes streams with `on-ddl` IGNORE.

## What to do

If the streams are right, write into the plan file what the message says, and adopt again. If the plan file is right, it is another
movement: cancel that one by hand and begin this one, or choose another `workflow` name.
";

const NOT_ADOPTABLE: &str = "## What it means

`cutover adopt` takes over whole movements in whole states. This one is between states, is in the middle of somebody's call, moves only
some shards or one tenant, or stops after its copy; or the source holds the journal of a switch of these very streams while the
routing rules lead writes to the source.

## Why it matters

Going on as if it were ours would rest on what nobody has proven. With a journal written, the target may have rows that the source
lacks, and a cancel would drop them.

## What to do

Between states: `cutover doctor` says what stands there, `cutover repair --cluster NAME --workflow KEYSPACE.NAME` makes it whole and
shows each write before. In a call: wait for its end. Else finish it by hand with vtctldclient.
";

const STALE_LOCK: &str = "## What it means

vtctld locks a workflow by name for each switch, complete and cancel, and gives the lock back at the end. A vtctld that was killed in
between could not: its lock stands for 24 hours. It is known for a dead one's because the keyspaces, which vtctld locks after the
name, are no longer locked: those leases end within a minute or so.

## Why it matters

Each further switch, complete and cancel of this workflow waits 45 s for the lock and fails. Traffic stays where it is. A switch back of
writes locks another name, the reverse workflow's, and still works.

## What to do

Take away the one key of the topology server that the message names, with `etcdctl del`, and run the same command again. Or let cutover
do it: `topo = \"etcd://HOST:PORT/vitess/global\"` in the cluster's table of the operator's config.toml. It removes that one key,
only when a call of its own left it and its owner is known to be dead, and only if it is still the lock that it saw. Of
somebody else's call it can't know that: a vtctld that hangs at a dead tablet has lost its keyspaces too, and lives. `cutover repair`
shows such a lock and asks.

A vtctld may also live and hang: a primary died in a switch, and vtctld waits for that tablet without end. cutover breaks such a call off
when its locks of the keyspaces have ended, mends what it left, and takes no lock away then. Start the tablet again, or restart that
vtctld and take away the key.
";

const STREAM_STANDS: &str = "## What it means

A stream of the movement is in an error that stays, or stands still with a message of Vitess's own (a DDL on the source, say). An
error counts only after a minute: a reparent shows one for some seconds and passes.

## Why it matters

The target no longer follows the source. Traffic is where it was; nothing is lost as long as the source keeps its binary logs.

## What to do

Read the message, mend its cause, then `cutover resume` and `cutover apply`. To give up: `cutover cancel --confirm WORKFLOW`.
";

const STREAM_STOPPED: &str = "## What it means

A stream that we started has been stopped by somebody, without a message.

## Why it matters

The target no longer follows the source, and whoever stopped it may have had a reason.

## What to do

Find out who; `cutover resume` starts the streams again, `cutover apply` goes on.
";

const MISMATCH: &str = "## What it means

VDiff compared source and target row by row, and some rows differ or are on one side only. Tables, shards and counts are named;
rows never are.

## Why it matters

Switching now would serve wrong rows.

## What to do

Look at the rows with `vtctldclient VDiff … show`, find out who writes to the target, mend it. `cutover apply` compares anew. Only
if the difference is known to be harmless (a collation on which VDiff cries wolf): `cutover waive C310 --reason TEXT`. The waiver
holds for these counts alone.
";

const NO_PROOF: &str = "## What it means

VDiff ended without comparing every table on every shard, or with an error, three times in this run.

## Why it matters

Not compared is not equal, and no switch happens without a comparison.

## What to do

The message names the shard. Look whether its tablets are healthy, then `cutover apply`.
";

const REFUSED: &str = "## What it means

vtctld was asked to do a write, looked at more than once, and it did not happen. Its own words stand in the finding. The same write was
tried three times, 2 and 15 seconds apart, for a lock that somebody holds or a tablet that restarts passes by itself.

## Why it matters

Traffic is where it was, and nothing is half done. The movement does not go on by itself.

## What to do

Mend what the words name, then `cutover apply`. If they name a lock of the workflow that nobody alive holds: vtctld leaves one for 24
hours when it dies in a switch; `vtctldclient GetTopologyPath` shows who took it and when.
";

const SILENT_TABLET: &str = "## What it means

Before a switch vtctld asks every tablet of both keyspaces to read the topology anew, and switches nothing when one of them does not
answer. The message names those. A primary that died and was replaced is one of them as long as its record stands in the topology: a
failover goes on without it, a switch does not.

## Why it matters

Traffic is where it was, and nothing is half done. But neither the way forward nor the way back of reads and writes is open.

## What to do

Start the tablet again. If it is gone for good, take its record out of the topology: `vtctldclient DeleteTablets ALIAS`. Then
`cutover apply` (or `switch-back`); after a refused switch of writes the gate before it wants another approval.
";

const READ_ONLY_PRIMARY: &str = "## What it means

Before it switches the writes vtctld tries whether the reverse streams could be written in the source. MySQL there is read-only. So it is
after a crash: a MySQL that was started again takes no writes until somebody says that it may. VTOrc does that where it runs, and a reparent
does it.

## Why it matters

Traffic is where it was, and nothing is half done. But a primary that is read-only also refuses the writes of the application, for every
table of that shard.

## What to do

See that no other tablet of the shard takes writes (`vtctldclient GetTablets --keyspace KEYSPACE`), then `vtctldclient SetWritable ALIAS
true`. Then `cutover apply` (or `switch-back`); after a refused switch of writes the gate before it wants another approval.
";

const CLOCKS: &str = "## What it means

The revert window is over by this machine's clock, and not by those of the tablets: the newest sign of life of the reverse streams, which
carries their tablets' time, is more than two minutes before its end. A clock was set, a machine slept, or the streams run and stand still.

## Why it matters

After the window comes `complete`, which ends the way back for ever. A clock that is an hour ahead would take that hour away.

## What to do

Compare `date` here and on the tablets' hosts, and set right what is wrong; `cutover doctor` says whether the streams stand still. Then
`cutover apply`. Whoever wants the window to end now says so: `cutover approve complete --end-revert-window --reason TEXT`.
";

const EDITED: &str = "## What it means

The plan file was edited while a run of `apply` went on, which knew the old one. So it ended before its next write, once what was under way
was whole. Of a plan it says that the edit changes what a movement under way moves, which `apply` will refuse.

## Why it matters

Going on would do what the old file said: other source tables dropped or renamed, other windows, other gates.

## What to do

`cutover plan`, to see what the file means now, then `cutover apply --wait`. Approvals of gates that the edit left alone still stand.
";

const SLOW: &str = "## What it means

A write is sent only on a look at the cluster that is at most two seconds old. Five looks in a row took longer than that by themselves, or
writing the intent to the disk did, ten times in a row.

## Why it matters

A lag, a lock, a rule that was seen so long ago may be another by now.

## What to do

Find out what makes vtctld, this machine or its disk slow (`cutover status -vv` logs how long each call takes), then `cutover apply`.
";

const NOT_KEPT: &str = "## What it means

The routing rules that `remove-rules` removed were kept in `.cutover/` beside the record, and are not in this folder.

## Why it matters

Restoring is putting back what stood there, not guessing it.

## What to do

Run it where `remove-rules` ran, or set the rules by hand with `vtctldclient ApplyRoutingRules`.
";

const NOTHING_TO_RESTORE: &str = "## What it means

The movement is not at its end, so its routing rules are still in use or were never made.

## Why it matters

`restore-rules` undoes `remove-rules` and nothing else.

## What to do

`cutover status` shows where the movement stands.
";

const NO_WAY_BACK: &str = "## What it means

The movement is completed, or the cluster is between states.

## Why it matters

After `complete` no reverse stream keeps the source up to date: its copy of the rows grows old, or is gone.

## What to do

After `complete`, a way back is a new movement, from the target to the source. Between states: `cutover apply --finish-only` first.
";

const WRITES_AT_TARGET: &str = "## What it means

The target takes writes, and cancelling drops the target's tables.

## Why it matters

The rows written since the switch are there. Dropping them could lose them.

## What to do

`cutover switch-back`, then `cutover cancel --confirm WORKFLOW`.
";

const NOT_CANCELLABLE: &str = "## What it means

Cancelling is safe only while every table, cell and shard is seen to be at the source.

## Why it matters

It drops tables, and must not drop what may be the only copy.

## What to do

`cutover status` shows where the movement stands; between states, `cutover apply --finish-only` first.
";

const DRIFT: &str = "## What it means

A routing rule, a denied table or a VSchema entry of this movement is not as our last write left it.

## Why it matters

Somebody else writes there. What the plan showed is no longer what would happen.

## What to do

Find out who. Put it back as the message says it was, then `cutover apply`; or accept it as it is: `cutover waive C401 --reason TEXT`,
then `cutover apply` goes on from there. The waiver is void as soon as something else is changed. When somebody switched the writes by
hand, `cutover switch-back` brings all traffic to the source, whatever was changed. Between states there is nothing to accept:
`cutover repair` makes it whole. Changes of what is not ours are told, and stop nothing.
";

const FOREIGN: &str = "## What it means

A workflow of this name exists, and this record did not create it; or it was made anew since.

## Why it matters

It may be somebody's movement under way. Nothing of it may be touched.

## What to do

If somebody made it by hand and it is to go on from here: `cutover adopt` shows what the cluster proves of it and what it can't, and takes
it over. If it is somebody else's, choose another `workflow` name. If it is yours, run the command where its `workflow.lock` lies.
";

const CONTRADICTION: &str = "## What it means

The record says that the workflow was created, and nothing of it is in the cluster, and no cancel of ours is on record.

## Why it matters

Absent is not done: somebody removed it, and with it perhaps a copy. Where the moved tables stand tells more, and the message says it:
at the target alone, somebody completed the movement; at the source alone, somebody cancelled it, and what was written to the target
after the switch of the writes went with its tables; at both, somebody deleted the streams and kept both copies, and nothing keeps them
the same any more.

## What to do

`cutover doctor` shows what is left of it, `cutover history` what was done before. If the movement is over, move `workflow.lock` away; a
new `apply` then begins from nothing.
";

const BETWEEN: &str = "## What it means

The cluster fits no whole state of the movement: some of it is before a step and some after. The message lists what speaks against
the nearest whole state.

## Why it matters

Writes may be refused in such a state. It arises when vtctld or a tablet dies in the middle of a step, or by somebody's hands.

## What to do

`cutover apply --finish-only` makes whole what our own last write left half done; `cutover repair` what hands and others have left, and
shows each write before. If one of them says that no step of ours is safe, the message names what to look at and what a person must do.
";

const NOT_AS_FORECAST: &str = "## What it means

A write happened, and something that it was forecast to change, or to leave alone, is otherwise. A LOST entry is somebody else's
that stood before our write and is gone after it: routing rules are one list, and whoever writes last wins.

## Why it matters

The forecast is a promise; when it breaks, a human looks before anything else is written.

## What to do

What stood before the write is kept in `.cutover/` under the digest that the message names. Find out who else writes, put right what
is wrong, then say so: `cutover waive C405 --reason TEXT`, and `cutover apply`. Until then no run goes forward, also not a new one;
`cutover switch-back` works all the same.
";

const WAY_BACK_DEAD: &str = "## What it means

Traffic shall go back to the source while the target takes writes, and a reverse stream does not run: it is stopped, missing, or in an
error that stays. The message names it.

## Why it matters

The source lacks what was written since that stream died. Reads sent there would be old, and a switch of writes would lose rows, so
Vitess refuses it too.

## What to do

Read the stream's message and mend its cause (a duplicate key, a schema that differs, a binary log that is gone), start it with
`vtctldclient Workflow --keyspace SOURCE start --workflow WORKFLOW_reverse`, then `cutover switch-back`. If it can't be mended, stay at
the target: traffic is where it was.
";

const JOURNAL: &str = "## What it means

A switch writes a journal, a row of `_vt.resharding_journal`, whose id is made of its streams' numbers. The reverse streams have the
numbers of an earlier movement's, for the source was made anew or restored since, and that movement's journal still stands.

## Why it matters

Vitess would take it for its own, of a switch that broke off: it would not stop the writes at the target nor wait for the reverse streams,
and what they have not copied by then would be lost.

## What to do

Delete that row on each primary of the target; the message gives the command with the id. Then `cutover switch-back`.
";

const NOTHING_TO_PAUSE: &str = "## What it means

`pause` stops the streams of the way forward. After the primary switch those are frozen, and the ones that run are the way back.

## Why it matters

Stopping them would close the way back, and the movement goes no step by itself: the gate before `complete` holds it.

## What to do

`cutover resume` takes the pause back. To hold the movement: set the gate `complete` to `operator-hold`. To go back:
`cutover switch-back`.
";

const REVERSE_STREAMS: &str = "## What it means

`complete` ends the way back, and right before it the way back is already not open: a reverse stream is missing or does not run, or its
lag is too high or not known.

## Why it matters

A reverse stream that died often says that something is wrong with what the target writes (an id given out twice, say). After
`complete` nobody can look at the source's own rows any more.

## What to do

Find out why it died, before anything is destroyed; `cutover status` shows its message. If the source is given up on purpose:
`cutover waive C340 --reason TEXT`. The waiver holds for these streams alone.
";

const TRANSACTIONS_UNSEEN: &str = "## What it means

Whether transactions hold write locks on the moved tables could not be read: SQL is forbidden (`--no-sql`), or the source's primary
gave no answer within the bounds.

## Why it matters

The switch waits in LOCK TABLES for each of them, and writes stand still with it. Longer than its leases and it fails half way.

## What to do

Look by hand (`information_schema.innodb_trx` on the source's primaries). If it is quiet, or the pause may be long:
`cutover waive C341 --reason TEXT`.
";

const OLD_TRANSACTIONS: &str = "## What it means

Transactions older than `[switch] max-transaction-age` hold write locks on moved tables. The message names connection, user, host and
shard.

## Why it matters

The switch waits in LOCK TABLES until they end, and every write of the application waits with it; vtgate holds writes back for 10 s by
default and then refuses them.

## What to do

Wait, or end them: `KILL CONNECTION` on the primary named. If the pause may be that long: `cutover waive C342 --reason TEXT`; it holds
for these connections alone.
";
