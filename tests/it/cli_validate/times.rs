//! Lengths of time, windows and time zones that a key does not take.

use insta::assert_snapshot;

use super::invalid;

#[test]
fn lengths_of_time() {
    assert_snapshot!(invalid("C108-lengths"), @r#"
    ------- stderr -------
    error[C108]

      × `switch.max-lag` is "500ms", less than 1s
        ╭─[workflow.toml:11:11]
     10 │ [switch]
     11 │ max-lag = "500ms"
        ·           ───┬───
        ·              ╰── this value
     12 │ stable-for = "10"
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 1s to 1h, in whole seconds

    error[C108]

      × `switch.stable-for` has no unit: "10"
        ╭─[workflow.toml:12:14]
     11 │ max-lag = "500ms"
     12 │ stable-for = "10"
        ·              ──┬─
        ·                ╰── this value
     13 │ timeout = "soon"
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 0s to 1h, in whole seconds

    error[C108]

      × `switch.timeout` is not a length of time: "soon"
        ╭─[workflow.toml:13:11]
     12 │ stable-for = "10"
     13 │ timeout = "soon"
        ·           ───┬──
        ·              ╰── this value
     14 │ wait-for-quiet = "2 months"
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 1s to 5m, in whole seconds

    error[C108]

      × `switch.wait-for-quiet` has months or years, which have no fixed length: "2 months"
        ╭─[workflow.toml:14:18]
     13 │ timeout = "soon"
     14 │ wait-for-quiet = "2 months"
        ·                  ─────┬────
        ·                       ╰── this value
     15 │ 
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 1s to 1d, in whole seconds

    error[C108]

      × `revert.window` is below zero: "-30m"
        ╭─[workflow.toml:17:10]
     16 │ [revert]
     17 │ window = "-30m"
        ·          ───┬──
        ·             ╰── this value
     18 │ 
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 0s to 30d, in whole seconds

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}

#[test]
fn windows() {
    assert_snapshot!(invalid("C109-windows"), @r#"
    ------- stderr -------
    error[C109]

      × the window `Tue 02:00-02:00` has no length: it ends when it begins
        ╭─[workflow.toml:12:3]
     11 │ windows = [
     12 │   "Tue 02:00-02:00",
        ·   ────────┬────────
        ·           ╰── this window
     13 │   "Tuesday 02:00-04:00",
        ╰────
      help: for a whole day write 00:00-24:00

    error[C109]

      × the window `Tuesday 02:00-04:00` names the day `Tuesday`, which is none of Mon, Tue, Wed, Thu,
      │ Fri, Sat, Sun
        ╭─[workflow.toml:13:3]
     12 │   "Tue 02:00-02:00",
     13 │   "Tuesday 02:00-04:00",
        ·   ──────────┬──────────
        ·             ╰── this window
     14 │   "Tue 2:00-4:00",
        ╰────
      help: weekly: "Tue 02:00-04:00", "Mon-Fri 22:00-23:30", "Sat 23:00-02:00"; once: "2026-12-03
            23:00/2026-12-04 01:00"

    error[C109]

      × the window `Tue 2:00-4:00` has `2:00`, which is not a time of the day from 00:00 to 24:00
        ╭─[workflow.toml:14:3]
     13 │   "Tuesday 02:00-04:00",
     14 │   "Tue 2:00-4:00",
        ·   ───────┬───────
        ·          ╰── this window
     15 │   "2026-12-04 01:00/2026-12-03 23:00",
        ╰────
      help: weekly: "Tue 02:00-04:00", "Mon-Fri 22:00-23:30", "Sat 23:00-02:00"; once: "2026-12-03
            23:00/2026-12-04 01:00"

    error[C109]

      × the window `2026-12-04 01:00/2026-12-03 23:00` ends before it begins
        ╭─[workflow.toml:15:3]
     14 │   "Tue 2:00-4:00",
     15 │   "2026-12-04 01:00/2026-12-03 23:00",
        ·   ─────────────────┬─────────────────
        ·                    ╰── this window
     16 │ ]
        ╰────
      help: the later time stands behind the `/`

    error[C110]

      × there is no time zone `CEST`
        ╭─[workflow.toml:17:13]
     16 │ ]
     17 │ time-zone = "CEST"
        ·             ───┬──
        ·                ╰── did you mean `CET`?
     18 │ 
        ╰────
      help: name a zone of the IANA database, such as "UTC" or "America/New_York"

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}

#[test]
fn time_zones() {
    assert_snapshot!(invalid("C110-time-zones"), @r#"
    ------- stderr -------
    error[C110]

      × there is no time zone `Europe/Stokholm`
        ╭─[workflow.toml:9:20]
      8 │ tables = ["customer", "corder"]
      9 │ source-time-zone = "Europe/Stokholm"
        ·                    ────────┬────────
        ·                            ╰── did you mean `Europe/Stockholm`?
     10 │ 
        ╰────
      help: name a zone of the IANA database, such as "UTC" or "America/New_York"

    error[C110]

      × there is no time zone `Mars/Olympus`
        ╭─[workflow.toml:13:13]
     12 │ windows = ["Tue 02:00-04:00"]
     13 │ time-zone = "Mars/Olympus"
        ·             ───────┬──────
        ·                    ╰── unknown
     14 │ 
        ╰────
      help: name a zone of the IANA database, such as "UTC" or "America/New_York"

    workflow.toml: 2 errors
    [exit: 65]
    "#);
}

#[test]
fn windows_too_short_for_a_switch() {
    assert_snapshot!(invalid("C116-short-windows"), @r#"
    ------- stderr -------
    error[C116]

      × the window `Tue 02:00-02:03` is too short for switch-primary
        ╭─[workflow.toml:11:12]
     10 │ [gates.switch-primary]
     11 │ windows = ["Tue 02:00-02:03", "Wed 02:00-02:04"]
        ·            ────────┬────────
        ·                    ╰── 3m long
     12 │ 
        ╰────
      help: a switch begins only when its worst case fits into what is left of the window, and with
            `switch.timeout` 5s that is 3m 30s

    workflow.toml: 1 error
    [exit: 65]
    "#);
}
