//! Aggregates, which an environment's settings must allow.

use serde_json::json;

use super::Cinema;

#[tokio::test]
async fn aggregates_are_grouped_by_what_stands_beside_them() {
    let cinema = Cinema::open().await;
    cinema
        .server
        .owner()
        .must("updateEnvironmentSettings", json!({ "environmentId": cinema.environment, "aggregates": true }))
        .await;
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/sales?select=amount.sum()", json!([{ "sum": 400.00 }])),
            ("/sales?select=total:amount.sum(),middle:amount.avg()::int,amount.min(),most:amount.max(),quantity.count()", json!([
                { "total": 400.00, "middle": 100, "min": 49.50, "most": 200, "count": 3 },
            ])),
            ("/sales?select=amount.sum(),order_date&order=order_date", json!([{ "sum": 200.00, "order_date": "2026-09-01" }, { "sum": 200, "order_date": "2026-09-02" }])),
            ("/sales?select=count(),quantities:quantity.count(),order_date&order=order_date", json!([
                { "count": 3, "quantities": 2, "order_date": "2026-09-01" }, { "count": 1, "quantities": 1, "order_date": "2026-09-02" },
            ])),
            ("/sales?select=n:count()::text&amount=gt.60", json!([{ "n": "2" }])),
            ("/sales?select=order_details->tax::numeric.sum()", json!([{ "sum": 4.0 }])),
            ("/sales?select=tax:order_details->>tax::numeric.max()::text", json!([{ "tax": "2" }])),
            ("/sales?select=amount.sum(),...customers(name)&customer_id=eq.1", json!([{ "sum": 300.50, "name": "Customer A" }])),
            ("/sales?select=amount.sum(),customers(name)&customer_id=eq.2", json!([{ "sum": 99.50, "customers": { "name": "Customer B" } }])),
            ("/sales?select=customers(name),count()&customer_id=eq.2", json!([{ "customers": { "name": "Customer B" }, "count": 2 }])),
            (
                "/sales?select=order_date,...customers(name),amount.max()&order_date=eq.2026-09-01&customer_id=eq.2",
                json!([{ "order_date": "2026-09-01", "name": "Customer B", "max": 50 }]),
            ),
            ("/customers?select=name,sales(amount.sum(),order_date)&sales.order=order_date&order=id", json!([
                { "name": "Customer A", "sales": [{ "sum": 100.50, "order_date": "2026-09-01" }, { "sum": 200, "order_date": "2026-09-02" }] },
                { "name": "Customer B", "sales": [{ "sum": 99.50, "order_date": "2026-09-01" }] },
                { "name": "Nothing Bought", "sales": [] },
            ])),
            ("/customers?select=name,sales(count())&order=id", json!([
                { "name": "Customer A", "sales": [{ "count": 2 }] }, { "name": "Customer B", "sales": [{ "count": 2 }] },
                { "name": "Nothing Bought", "sales": [{ "count": 0 }] },
            ])),
            ("/sales?select=order_date,...customers(latest:since.max(),since.min())&order=order_date", json!([
                { "order_date": "2026-09-01", "latest": "2021-06-01", "min": "2020-01-01" }, { "order_date": "2026-09-02", "latest": "2020-01-01", "min": "2020-01-01" },
            ])),
            ("/sales?select=count()&id=gt.99", json!([{ "count": 0 }])),
            ("/rpc/getallfilms?select=language,count()&order=language.nullslast", json!([
                { "language": "English", "count": 3 }, { "language": "French", "count": 1 }, { "language": null, "count": 1 },
            ])),
        ])
        .await;
    checks.end();
}
