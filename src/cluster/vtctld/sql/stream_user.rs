//! What the account may do by which streams write, on each shard's primary, by MySQL's grant tables.
//!
//! Vitess looks at it itself when it is asked for a switch, in a call between vtctld and vttablet that vtctld passes to nobody
//! (`ValidateVReplicationPermissions`); and only at its own table of streams, not at the tables that the streams write to.

use std::collections::BTreeMap;

use super::statement::select;
use super::tablet::Sql;
use crate::cluster::port::{Answer, Unread};
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::model::name::KeyspaceName;
use crate::model::stream_user::StreamUser;

pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let sidecar = sql.asking.keyspaces.get(keyspace).map(|found| found.sidecar_database.clone()).unwrap_or_default();
    // It stands in a statement as text.
    if sidecar.is_empty() || !sidecar.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(Unread::new(format!("the sidecar database of {keyspace} has no plain name")).into());
    }
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let (sql, sidecar) = (sql.clone(), sidecar.clone());
        async move {
            let statement = format!("{}{}", select(sql.limit), grants(&sidecar));
            let rows = sql.rows(&primary, statement, 1).await?;
            let row = rows.iter().next().ok_or_else(|| Unread::new("no row"))?;
            let count = |column| Ok::<u64, NotRead>(row.number(column)?.unwrap_or(0));
            let user = StreamUser {
                accounts: count("accounts")?,
                may_write_streams: count("streams")?,
                may_write_tables: count("writers")?,
                unclear: count("unclear")?,
            };
            Ok::<_, NotRead>((shard.to_string(), user))
        }
    });
    let found: Result<BTreeMap<_, _>, NotRead> = concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect();
    Ok(Answer::StreamUser(found?))
}

/// What a stream needs of a table.
const PRIVILEGES: [&str; 4] = ["Select", "Insert", "Update", "Delete"];

/// Grants on everything, on a database (whose name may be a pattern), on a table: MySQL adds them up, one privilege at a time. Roles,
/// restrictions of a grant and grants on other tables are told, and not followed.
fn grants(sidecar: &str) -> String {
    let may_all = |database: &str, table: Option<&str>| PRIVILEGES.map(|what| may(what, database, table)).join(" and ");
    format!(
        "count(*) as accounts, \
         coalesce(sum({streams}), 0) as streams, coalesce(sum({writers}), 0) as writers, \
         coalesce(sum(exists(select 1 from mysql.role_edges as role where role.to_user = account.user and role.to_host = account.host) \
         or json_contains_path(coalesce(account.user_attributes, '{{}}'), 'one', '$.Restrictions') \
         or exists(select 1 from mysql.tables_priv as one where one.user = account.user and one.host = account.host \
         and one.db = database())), 0) as unclear \
         from mysql.user as account where account.user = '{name}'",
        streams = may_all(&format!("'{sidecar}'"), Some("vreplication")),
        writers = may_all("database()", None),
        name = StreamUser::DEFAULT_NAME,
    )
}

/// Whether the account has one privilege on a table; without a table, on each of a database.
fn may(what: &str, database: &str, table: Option<&str>) -> String {
    let column = format!("{}_priv", what.to_ascii_lowercase());
    let on_table = table.map_or_else(String::new, |table| {
        format!(
            " or exists(select 1 from mysql.tables_priv as one where one.user = account.user and one.host = account.host \
             and one.db = {database} and one.table_name = '{table}' and find_in_set('{what}', one.table_priv))"
        )
    });
    format!(
        "(account.{column} = 'Y' or exists(select 1 from mysql.db as held where held.user = account.user \
         and held.host = account.host and {database} like held.db and held.{column} = 'Y'){on_table})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_privilege_counts_wherever_it_was_granted() {
        let statement = grants("_vt");
        for what in PRIVILEGES {
            let column = format!("{}_priv", what.to_ascii_lowercase());
            assert_eq!(statement.matches(&format!("account.{column} = 'Y' or")).count(), 2, "{statement}");
            assert_eq!(statement.matches(&format!("held.{column} = 'Y')")).count(), 2, "{statement}");
            assert_eq!(statement.matches(&format!("find_in_set('{what}', one.table_priv)")).count(), 1, "{statement}");
        }
    }
}
