//! Sessions that take what all environments share, and are ended for it.

use std::time::Duration;

use super::cluster::Cluster;

/// A session with more locks than this uses up what all environments of the server share.
const MAX_LOCKS: i64 = 20_000;
/// How much longer than it may a statement goes on before its session is ended: PostgreSQL has told it to stop long before, and its own code
/// has caught that.
const OVERTIME: Duration = Duration::from_secs(3);

impl Cluster {
    /// Ends sessions of environments that hold so many locks that others find no room for theirs.
    pub(crate) async fn end_lock_hoarders(&self) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        let rows = admin
            .query(
                "SELECT a.usename::text, pg_terminate_backend(a.pid) FROM pg_stat_activity a
                 JOIN (SELECT pid FROM pg_locks GROUP BY pid HAVING count(*) > $1) AS hoarder ON hoarder.pid = a.pid
                 WHERE a.usename ~ '^ce_[0-9a-f]{32}_(data|sql)$'",
                &[&MAX_LOCKS],
            )
            .await?;
        for row in rows {
            tracing::warn!(login = row.get::<_, String>(0), "ended a session that held more than {MAX_LOCKS} locks");
        }
        Ok(())
    }

    /// Ends sessions whose statement goes on after its time. `timeouts` are of data logins, in seconds, asked for at the last moment; logins of
    /// which nothing is known have `longest`.
    pub(crate) async fn end_overdue_statements(
        &self,
        timeouts: impl FnOnce() -> Vec<(String, u32)>,
        longest: u32,
    ) -> anyhow::Result<()> {
        let admin = self.admin().await?;
        let (logins, seconds): (Vec<String>, Vec<f64>) =
            timeouts().into_iter().map(|(login, seconds)| (login, f64::from(seconds))).unzip();
        let rows = admin
            .query(
                "SELECT a.usename::text, pg_terminate_backend(a.pid) FROM pg_stat_activity a
                 LEFT JOIN unnest($1::text[], $2::float8[]) AS known (login, seconds) ON known.login = a.usename
                 WHERE a.usename ~ '^ce_[0-9a-f]{32}_data$' AND a.state = 'active'
                   AND extract(epoch FROM clock_timestamp() - a.query_start) > coalesce(known.seconds, $3) + $4",
                &[&logins, &seconds, &f64::from(longest), &OVERTIME.as_secs_f64()],
            )
            .await?;
        for row in rows {
            tracing::warn!(
                login = row.get::<_, String>(0),
                "ended a session whose statement did not stop when its time was over"
            );
        }
        Ok(())
    }
}
