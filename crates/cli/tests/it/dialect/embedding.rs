//! Other resources within an answer, in every form they can have there.

use serde_json::json;

use super::Cinema;

#[tokio::test]
async fn along_foreign_keys() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            (
                "/films?select=title,directors(id,last_name)&id=eq.2",
                json!([{ "title": "Pulp Fiction", "directors": { "id": 2, "last_name": "Tarantino" } }]),
            ),
            (
                "/films?select=title,director:directors(id,last_name)&id=eq.2",
                json!([{ "title": "Pulp Fiction", "director": { "id": 2, "last_name": "Tarantino" } }]),
            ),
            ("/films?select=id,directors(id)&id=eq.5", json!([{ "id": 5, "directors": null }])),
            (
                "/directors?select=last_name,films(title)&films.order=title&order=id",
                json!([
                    { "last_name": "Lumière", "films": [{ "title": "Workers Leaving The Lumière Factory In Lyon" }] },
                    { "last_name": "Tarantino", "films": [{ "title": "Pulp Fiction" }, { "title": "Reservoir Dogs" }] },
                    { "last_name": "Eggers", "films": [{ "title": "The Lighthouse" }] },
                    { "last_name": "Yet", "films": [] },
                ]),
            ),
            (
                "/actors?select=first_name,films(title)&id=in.(2,4)&films.order=title&order=id",
                json!([
                    { "first_name": "Harvey", "films": [{ "title": "Pulp Fiction" }, { "title": "Reservoir Dogs" }] },
                    { "first_name": "Unemployed", "films": [] },
                ]),
            ),
            (
                "/films?select=id,technical_specs(camera)&id=in.(1,2)&order=id",
                json!([
                    { "id": 1, "technical_specs": null }, { "id": 2, "technical_specs": { "camera": "Arriflex 35-III" } },
                ]),
            ),
            (
                "/technical_specs?select=camera,films(title)&film_id=eq.2",
                json!([{ "camera": "Arriflex 35-III", "films": { "title": "Pulp Fiction" } }]),
            ),
            // By the column or the constraint of the key.
            (
                "/films?select=id,director_id(last_name)&id=eq.2",
                json!([{ "id": 2, "director_id": { "last_name": "Tarantino" } }]),
            ),
            (
                "/films?select=id,directors!director_id(last_name)&id=eq.2",
                json!([{ "id": 2, "directors": { "last_name": "Tarantino" } }]),
            ),
            (
                "/films?select=id,directors!films_director_id_fkey(last_name)&id=eq.2",
                json!([{ "id": 2, "directors": { "last_name": "Tarantino" } }]),
            ),
            ("/films?select=id,actors!roles(first_name)&id=eq.4", json!([{ "id": 4, "actors": [{ "first_name": "Willem" }] }])),
            // A key of two columns.
            (
                "/tickets?select=seat,screenings(hall)&id=in.(1,4)&order=id",
                json!([{ "seat": "1a", "screenings": { "hall": "A" } }, { "seat": "free", "screenings": null }]),
            ),
            (
                "/screenings?select=hall,tickets(seat)&film_id=eq.2&order=day&tickets.order=seat",
                json!([
                    { "hall": "A", "tickets": [{ "seat": "1a" }, { "seat": "1b" }] }, { "hall": "B", "tickets": [] },
                ]),
            ),
            // Two keys to one table.
            (
                "/orders?select=name,billing_address:addresses!billing(name),shipping_address:addresses!shipping(name)&order=id",
                json!([
                    { "name": "Personal", "billing_address": { "name": "Home" }, "shipping_address": { "name": "Office" } },
                    { "name": "Gift", "billing_address": { "name": "Office" }, "shipping_address": null },
                ]),
            ),
            (
                "/addresses?select=name,billing_orders:orders!billing(name),shipping_orders:orders!shipping(name)&id=eq.2",
                json!([
                    { "name": "Office", "billing_orders": [{ "name": "Gift" }], "shipping_orders": [{ "name": "Personal" }] },
                ]),
            ),
            ("/orders?select=billing(name)&id=eq.1", json!([{ "billing": { "name": "Home" } }])),
            ("/orders?select=shipping_address_id(name)&id=eq.1", json!([{ "shipping_address_id": { "name": "Office" } }])),
            // A table that refers to itself.
            (
                "/employees?select=last_name,supervisor:supervisor_id(last_name)&id=eq.4",
                json!([{ "last_name": "Fourth", "supervisor": { "last_name": "Third" } }]),
            ),
            (
                "/employees?select=last_name,supervisees:employees!supervisor_id(last_name)&id=eq.1&supervisees.order=id",
                json!([
                    { "last_name": "Chief", "supervisees": [{ "last_name": "Second" }, { "last_name": "Third" }] },
                ]),
            ),
        ])
        .await;
    checks.refused("/orders?select=*,addresses(*)", 300, "PGRST201").await;
    checks.refused("/films?select=*,addresses(*)", 400, "PGRST200").await;
    checks.refused("/films?select=*,directors!nothing(*)", 400, "PGRST200").await;
    checks.end();
}

#[tokio::test]
async fn nested_with_parameters_of_their_own() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/actors?select=roles(character,films(title,year))&id=eq.1", json!([{ "roles": [{ "character": "Thomas Wake", "films": { "title": "The Lighthouse", "year": 2019 } }] }])),
            ("/films?select=id,actors(last_name)&actors.order=last_name.desc&id=eq.2", json!([{ "id": 2, "actors": [{ "last_name": "Travolta" }, { "last_name": "Keitel" }] }])),
            ("/films?select=id,roles(character)&roles.character=in.(Vincent Vega,Mr. White)&id=in.(2,3)&order=id", json!([
                { "id": 2, "roles": [{ "character": "Vincent Vega" }] }, { "id": 3, "roles": [{ "character": "Mr. White" }] },
            ])),
            ("/films?select=id,roles(character)&roles.or=(character.like.V*,character.like.W*)&roles.order=character&id=eq.2", json!([
                { "id": 2, "roles": [{ "character": "Vincent Vega" }, { "character": "Winston Wolfe" }] },
            ])),
            ("/films?select=id,roles(character)&roles.not.or=(character.like.V*)&id=eq.2", json!([{ "id": 2, "roles": [{ "character": "Winston Wolfe" }] }])),
            ("/films?select=id,actors(last_name)&actors.order=last_name&actors.limit=1&actors.offset=1&id=eq.2", json!([{ "id": 2, "actors": [{ "last_name": "Travolta" }] }])),
            ("/competitions?select=name,a:films(title),b:films(id)&a.year=eq.1994&b.year=eq.2019&id=eq.1", json!([{ "name": "Palme d'Or", "a": [{ "title": "Pulp Fiction" }], "b": [] }])),
            ("/films?select=id,roles(character,actors(first_name))&roles.order=character&roles.actors.first_name=like.*ohn*&id=eq.2", json!([
                { "id": 2, "roles": [{ "character": "Vincent Vega", "actors": { "first_name": "John" } }, { "character": "Winston Wolfe", "actors": null }] },
            ])),
            ("/directors?select=films(title,roles(character,actors(last_name)))&id=eq.3", json!([
                { "films": [{ "title": "The Lighthouse", "roles": [{ "character": "Thomas Wake", "actors": { "last_name": "Dafoe" } }] }] },
            ])),
            // Which of the records above stay.
            ("/films?select=id,actors!inner(first_name)&actors.first_name=eq.John", json!([{ "id": 2, "actors": [{ "first_name": "John" }] }])),
            ("/films?select=id,actors!roles!inner(first_name)&actors.first_name=eq.John", json!([{ "id": 2, "actors": [{ "first_name": "John" }] }])),
            ("/films?select=id,directors!inner(last_name)&directors.last_name=eq.Eggers", json!([{ "id": 4, "directors": { "last_name": "Eggers" } }])),
            ("/films?select=id,roles!inner(actors!inner(last_name))&roles.actors.last_name=eq.Dafoe", json!([{ "id": 4, "roles": [{ "actors": { "last_name": "Dafoe" } }] }])),
            ("/films?select=id,actors(id)&actors=not.is.null&order=id&actors.order=id", json!([
                { "id": 2, "actors": [{ "id": 2 }, { "id": 3 }] }, { "id": 3, "actors": [{ "id": 2 }] }, { "id": 4, "actors": [{ "id": 1 }] },
            ])),
            ("/films?select=id,nominations()&nominations=is.null&order=id", json!([{ "id": 1 }, { "id": 5 }])),
            ("/films?select=id,nominations!inner()&order=id", json!([{ "id": 2 }, { "id": 3 }, { "id": 4 }])),
            ("/films?select=id,actors(),directors()&or=(actors.is.null,directors.is.null)&order=id", json!([{ "id": 1 }, { "id": 5 }])),
            ("/films?select=id,actors(),directors()&directors.first_name=eq.Robert&actors.first_name=eq.John&or=(directors.not.is.null,actors.not.is.null)&order=id", json!([{ "id": 2 }, { "id": 4 }])),
            ("/films?select=id,act:actors(),actors(first_name)&act.first_name=eq.John&act=not.is.null&actors.order=id", json!([
                { "id": 2, "actors": [{ "first_name": "Harvey" }, { "first_name": "John" }] },
            ])),
            ("/films?select=id,roles(film_id,actors())&roles.actors=is.null&id=eq.2", json!([{ "id": 2, "roles": [] }])),
            // In the order of what is embedded.
            ("/films?select=title,directors(last_name)&directors=not.is.null&order=directors(last_name).desc,id.desc&limit=2", json!([
                { "title": "Reservoir Dogs", "directors": { "last_name": "Tarantino" } }, { "title": "Pulp Fiction", "directors": { "last_name": "Tarantino" } },
            ])),
            ("/films?select=id,director:directors(last_name)&order=director(last_name).asc.nullsfirst&limit=2", json!([
                { "id": 5, "director": null }, { "id": 4, "director": { "last_name": "Eggers" } },
            ])),
            ("/films?select=id,directors()&order=directors(first_name).desc.nullslast,id&limit=1", json!([{ "id": 4 }])),
        ])
        .await;
    checks.refused("/films?select=id,actors(*)&order=actors(last_name)", 400, "PGRST118").await;
    checks.refused("/films?select=id&order=directors(last_name)", 400, "PGRST108").await;
    checks.refused("/films?select=id,actors(*)&roles.character=eq.x", 400, "PGRST108").await;
    checks.refused("/films?select=id,actors(*)&actors=eq.1", 400, "PGRST120").await;
    checks.end();
}

#[tokio::test]
async fn spread_into_the_level_above() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/films?select=title,...directors(director_first_name:first_name,director_last_name:last_name)&title=like.*Workers*", json!([
                { "title": "Workers Leaving The Lumière Factory In Lyon", "director_first_name": "Louis", "director_last_name": "Lumière" },
            ])),
            ("/films?select=id,...directors(last_name)&id=eq.5", json!([{ "id": 5, "last_name": null }])),
            ("/films?select=id,...technical_specs(camera)&id=eq.2", json!([{ "id": 2, "camera": "Arriflex 35-III" }])),
            ("/directors?select=first_name,...films(film_titles:title,film_years:year)&first_name=like.Quentin*&films.order=year", json!([
                { "first_name": "Quentin", "film_titles": ["Reservoir Dogs", "Pulp Fiction"], "film_years": [1992, 1994] },
            ])),
            ("/directors?select=id,...films(titles:title)&id=eq.4", json!([{ "id": 4, "titles": [] }])),
            ("/directors?select=first_name,...films(film_titles:title,...technical_specs(film_runtimes:runtime),...roles(film_characters:character))&id=eq.2&films.order=year&films.roles.order=character", json!([{
                "first_name": "Quentin", "film_titles": ["Reservoir Dogs", "Pulp Fiction"], "film_runtimes": ["01:39:00", "02:29:00"],
                "film_characters": [["Mr. White"], ["Vincent Vega", "Winston Wolfe"]],
            }])),
            ("/films?select=title,actors:roles(character,...actors(first_name,last_name))&title=like.*Lighthouse*", json!([
                { "title": "The Lighthouse", "actors": [{ "character": "Thomas Wake", "first_name": "Willem", "last_name": "Dafoe" }] },
            ])),
            ("/films?select=id,...directors!inner(last_name)&directors.last_name=eq.Eggers", json!([{ "id": 4, "last_name": "Eggers" }])),
            ("/tickets?select=seat,...screenings(hall,...films(title))&id=eq.1", json!([{ "seat": "1a", "hall": "A", "title": "Pulp Fiction" }])),
            ("/roles?select=character,...actors(*)&film_id=eq.4", json!([{ "character": "Thomas Wake", "id": 1, "first_name": "Willem", "last_name": "Dafoe" }])),
        ])
        .await;
    checks.end();
}

#[tokio::test]
async fn along_functions() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            ("/premieres?select=location,film(title)&id=eq.1", json!([{ "location": "Cannes", "film": { "title": "Pulp Fiction" } }])),
            ("/films?select=title,premieres(location)&premieres.order=location&id=eq.2", json!([{ "title": "Pulp Fiction", "premieres": [{ "location": "Cannes" }, { "location": "Venice" }] }])),
            ("/films?select=id,premieres!inner(location)&premieres.location=eq.Lyon", json!([{ "id": 1, "premieres": [{ "location": "Lyon" }] }])),
            ("/premieres?select=location,film(title,directors(last_name))&id=eq.2", json!([
                { "location": "Lyon", "film": { "title": "Workers Leaving The Lumière Factory In Lyon", "directors": { "last_name": "Lumière" } } },
            ])),
            ("/premieres?select=id,...film(title)&order=film(title),id&limit=2", json!([{ "id": 1, "title": "Pulp Fiction" }, { "id": 3, "title": "Pulp Fiction" }])),
        ])
        .await;
    checks.end();
}

#[tokio::test]
async fn functions_stand_for_what_keys_say() {
    let cinema = Cinema::open().await;
    let sql = "CREATE FUNCTION directors(films) RETURNS SETOF directors ROWS 1 STABLE LANGUAGE sql AS $$ SELECT * FROM directors WHERE id = 4 $$";
    cinema.sql.batch_execute(sql).await.unwrap();
    let mut checks = cinema.checks();
    checks.get("/films?select=id,directors(last_name)&id=eq.2", json!([{ "id": 2, "directors": { "last_name": "Yet" } }])).await;
    checks.end();
}

#[tokio::test]
async fn in_views() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    checks
        .gets([
            (
                "/recent_films?select=title,directors(last_name)&id=eq.4",
                json!([{ "title": "The Lighthouse", "directors": { "last_name": "Eggers" } }]),
            ),
            ("/recent_films?select=id,actors(last_name)&id=eq.4", json!([{ "id": 4, "actors": [{ "last_name": "Dafoe" }] }])),
            (
                "/directors?select=last_name,recent_films(title)&id=eq.3",
                json!([{ "last_name": "Eggers", "recent_films": [{ "title": "The Lighthouse" }] }]),
            ),
        ])
        .await;
    checks.end();
}
