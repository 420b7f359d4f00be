//! Which records: operators, modifiers, logic, JSON, arrays, ranges, full-text search.

use serde_json::json;

use super::Cinema;

#[tokio::test]
async fn every_operator_finds_what_it_should() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    for (query, ids) in [
        ("id=eq.2", vec![2]),
        ("id=neq.2", vec![1, 3, 4]),
        ("age=gt.14", vec![2, 3]),
        ("age=gte.14", vec![1, 2, 3]),
        ("age=lt.20", vec![1]),
        ("age=lte.20", vec![1, 2]),
        ("age=not.gt.14", vec![1]),
        ("name=like.*P*", vec![2, 3]),
        ("name=like.Ben%25", vec![2]),
        ("name=ilike.*o'*", vec![1, 4]),
        ("name=match.^[AB]", vec![1, 2]),
        ("name=imatch.^[ab]", vec![1, 2]),
        ("name=not.imatch.^[ab]", vec![3, 4]),
        ("id=in.(1,3,9)", vec![1, 3]),
        ("id=not.in.(1,3)", vec![2, 4]),
        ("id=in.()", vec![]),
        ("bio=in.(\"back\\\\slash, comma\",It is amusant)", vec![1, 4]),
        ("name=in.(\"Dee \\\"D\\\" O'Brian\")", vec![4]),
        ("age=is.null", vec![4]),
        ("age=is.not_null", vec![1, 2, 3]),
        ("age=not.is.null", vec![1, 2, 3]),
        ("student=is.true", vec![1]),
        ("student=is.false", vec![2]),
        ("student=is.unknown", vec![3, 4]),
        ("student=not.is.true", vec![2, 3, 4]),
        ("age=isdistinct.14", vec![2, 3, 4]),
        ("age=not.isdistinct.14", vec![1]),
        ("mood=eq.happy", vec![2, 3]),
        ("mood=gt.sad", vec![2, 3]),
        ("mood=in.(sad,ok)", vec![1]),
        ("born=gte.2000-01-01&born=lt.2010-01-01", vec![2]),
        ("seen=gt.2023-10-18T13:00:00Z", vec![2]),
        ("seen=eq.2023-10-18T14:37:59+02:00", vec![1]),
        ("\"information.cpe\"=like.*MS*", vec![1]),
        ("Unit Price=lt.200", vec![1]),
        ("age=gte.18&student=is.false", vec![2]),
    ] {
        // A plus sign as people write it in a URL is a space.
        checks.ids(&format!("/people?{}", query.replace('+', "%2B")), &ids).await;
    }
    checks.end();
}

#[tokio::test]
async fn arrays_ranges_and_text_search() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    for (query, ids) in [
        ("tags=cs.{example,new}", vec![1]),
        ("tags=cs.{new}", vec![1, 2]),
        ("tags=cd.{new,old}", vec![2, 3]),
        ("tags=ov.{example,none}", vec![1]),
        ("tags=eq.{}", vec![3]),
        ("tags=not.cs.{new}", vec![3]),
        ("tags->0=eq.\"new\"", vec![2]),
        ("tags->>0=eq.new", vec![2]),
        ("period=cs.[2,3]", vec![1]),
        ("period=cd.[1,10)", vec![1, 3]),
        ("period=ov.[7,12]", vec![2, 3]),
        ("period=sl.[9,20)", vec![1, 3]),
        ("period=sr.[1,6]", vec![2]),
        ("period=nxr.[4,8)", vec![1, 3]),
        ("period=nxl.[5,8)", vec![2, 3]),
        ("period=adj.[6,9)", vec![1]),
        ("period=adj.[8,10)", vec![2, 3]),
        ("my_tsv=fts.cat", vec![1]),
        ("my_tsv=fts(english).cats", vec![1]),
        ("my_tsv=fts(french).amusant", vec![3]),
        ("my_tsv=plfts(english).The Fat Cats", vec![1]),
        ("my_tsv=not.phfts(english).The Fat Cats", vec![2, 3]),
        ("my_tsv=wfts(english).rats -cats", vec![2]),
        ("my_tsv=fts(english).cat|rat", vec![1, 2]),
        ("bio=fts(french).amusant", vec![1]),
        ("bio=phfts(english).The Fat Cats", vec![2]),
        ("data=plfts(simple).A-", vec![1, 3]),
    ] {
        checks.ids(&format!("/people?{query}"), &ids).await;
    }
    checks.end();
}

#[tokio::test]
async fn modifiers_and_logic() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    for (query, ids) in [
        ("name=like(any).{A*,*Pan}", vec![1, 3]),
        ("name=like(all).{*B*,*r}", vec![2]),
        ("name=ilike(any).{ann*,ben*}", vec![1, 2]),
        ("age=eq(any).{14,30}", vec![1, 3]),
        ("age=gt(all).{13,14}", vec![2, 3]),
        ("age=not.eq(any).{14,30}", vec![2]),
        ("name=match(any).{^A,n$}", vec![1, 3, 4]),
        ("or=(age.lt.18,age.gt.21)", vec![1, 3]),
        ("not.or=(age.lt.18,age.gt.21)", vec![2]),
        ("and=(age.gte.14,age.lte.20)", vec![1, 2]),
        ("not.and=(age.gte.14,age.lte.20)", vec![3]),
        ("age=gte.14&student=is.true&or=(age.eq.14,not.and(age.gte.11,age.lte.17))", vec![1]),
        ("or=(period.adj.\"[6,9)\",period.cs.\"[12,13]\")", vec![1, 2]),
        ("or=(name.eq.\"Dee \\\"D\\\" O'Brian\",id.eq.1)", vec![1, 4]),
        ("or=(bio.eq.\"back\\\\slash, comma\")", vec![4]),
        ("or=(id.in.(1,2),tags.cs.{},age.is.null)", vec![1, 2, 3, 4]),
        ("or=(tags.cs.{example,new},id.eq.4)", vec![1, 4]),
        ("or=(name.like(any).{A*,B*},mood.not.is.null)", vec![1, 2, 3]),
        ("and=(or(id.eq.1,id.eq.2),or(id.eq.2,id.eq.3))", vec![2]),
        ("and=( or ( id.eq.1 , id.eq.2 ) , id.not.eq.1 )", vec![2]),
        ("or=(my_tsv.fts(english).cats,my_tsv.plfts(french).amusant)", vec![1, 3]),
        ("or=(data->>blood_type.eq.O+,data->age.gt.20)", vec![2, 3]),
        ("or=(age.not.is.null,age.not.in.(1,2))&id=not.eq.2", vec![1, 3]),
    ] {
        checks.ids(&format!("/people?{query}"), &ids).await;
    }
    checks.end();
}

#[tokio::test]
async fn places_in_json_and_composite_values() {
    let cinema = Cinema::open().await;
    let mut checks = cinema.checks();
    for (query, ids) in [
        ("data->>blood_type=eq.A-", vec![1, 3]),
        ("data->blood_type=eq.\"O+\"", vec![2]),
        ("data->age=gt.20", vec![3]),
        ("data->>age=gte.20", vec![2, 3]),
        ("data->phones->0->>n=eq.917", vec![1]),
        ("data->phones->-1->>n=eq.512", vec![1]),
        ("data->phones->0=is.null&data=not.is.null", vec![2, 3]),
        ("data->\"a.b\"->>\"c,d\"=eq.1", vec![3]),
        ("data->>nothing=is.null", vec![1, 2, 3, 4]),
        ("data=cs.{\"age\": 14}", vec![1]),
        ("location->lat=gte.19", vec![1]),
        ("location->>long=like.-155*", vec![1]),
    ] {
        checks.ids(&format!("/people?{query}"), &ids).await;
    }
    checks
        .gets([
            (
                "/people?select=id,data->>blood_type,data->phones&id=eq.1",
                json!([{ "id": 1, "blood_type": "A-", "phones": [{ "n": "917" }, { "n": "512" }] }]),
            ),
            ("/people?select=data->phones->0->>n&id=eq.1", json!([{ "n": "917" }])),
            ("/people?select=first:data->phones->0&id=eq.1", json!([{ "first": { "n": "917" } }])),
            (
                "/people?select=location->>lat,long:location->long,tag:tags->0&id=eq.1",
                json!([{ "lat": "19.741755", "long": -155.844437, "tag": "example" }]),
            ),
            (
                "/people?select=data->age&order=data->age.desc.nullslast&limit=3",
                json!([{ "age": 30 }, { "age": 20 }, { "age": 14 }]),
            ),
            ("/people?select=id&order=data->>age.desc.nullslast,id", json!([{ "id": 3 }, { "id": 2 }, { "id": 1 }, { "id": 4 }])),
            ("/people?select=id&order=location->>lat.desc.nullslast,id&limit=2", json!([{ "id": 1 }, { "id": 2 }])),
            ("/people?select=data->age::text&id=eq.1", json!([{ "age": "14" }])),
        ])
        .await;
    checks.end();
}
