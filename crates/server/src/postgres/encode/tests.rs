use super::*;

fn shown(kind: Kind, raw: &[u8]) -> String {
    let mut out = Vec::new();
    write_value(&mut out, kind, raw).unwrap_or_else(|| panic!("{kind:?} of {raw:02x?} was refused"));
    String::from_utf8(out).unwrap()
}

fn scalar(scalar: Scalar, raw: impl AsRef<[u8]>) -> String {
    shown(Kind::One(scalar), raw.as_ref())
}

#[test]
fn strings_are_escaped_as_postgresql_does() {
    for (text, expected) in [
        ("", r#""""#),
        ("plain", r#""plain""#),
        ("a\"b\\c/d", r#""a\"b\\c/d""#),
        ("\u{8}\u{c}\n\r\t", r#""\b\f\n\r\t""#),
        ("\u{1}\u{1f}\u{7f}é🌿", "\"\\u0001\\u001f\u{7f}é🌿\""),
    ] {
        assert_eq!(scalar(Scalar::Text, text), expected);
    }
    // Wherever it stands, in a whole block or behind the last.
    for length in [1, 31, 32, 33, 64, 70] {
        for at in 0..length {
            let mut text = "x".repeat(length);
            text.replace_range(at..=at, "\n");
            assert_eq!(scalar(Scalar::Text, &text), format!("\"{}\"", text.replace('\n', "\\n")));
        }
    }
    assert_eq!(scalar(Scalar::Char, [0]), r#""""#);
    assert_eq!(scalar(Scalar::Char, b"\\"), r#""\\""#);
    assert_eq!(scalar(Scalar::Char, [0xc3]), r#""\\303""#);
    assert_eq!(scalar(Scalar::Bytea, [0x00, 0xab]), r#""\\x00ab""#);
}

#[test]
fn floating_point_numbers_have_postgresqls_digits() {
    let wide = |number: f64| scalar(Scalar::Float8, number.to_be_bytes());
    for (number, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.000_012_5, "1.25e-05"),
        (123_456_789_012_345.0, "123456789012345"),
        (123_456_789_012_345.6, "123456789012345.6"),
        (1e15, "1e+15"),
        (1e20, "1e+20"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        // The shortest digits are in the middle between two numbers.
        (1e23, "9.999999999999999e+22"),
        (9_007_199_254_740_993.0, "9.007199254740992e+15"),
        (f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ] {
        assert_eq!(wide(number), expected, "{number:e}");
    }
    let narrow = |number: f32| scalar(Scalar::Float4, number.to_be_bytes());
    for (number, expected) in
        [(999_999.0, "999999"), (1e6, "1e+06"), (0.1, "0.1"), (1.234_567_8, "1.2345678"), (1e-5, "1e-05"), (-0.0, "-0")]
    {
        assert_eq!(narrow(number), expected, "{number:e}");
    }
}

#[test]
fn numerics_keep_their_digits() {
    let numeric = |weight: i16, sign: u16, scale: u16, groups: &[u16]| {
        let header = [groups.len() as u16, weight.cast_unsigned(), sign, scale];
        let raw: Vec<u8> = header.iter().chain(groups).flat_map(|part| part.to_be_bytes()).collect();
        scalar(Scalar::Numeric, raw)
    };
    assert_eq!(numeric(0, 0, 0, &[]), "0");
    assert_eq!(numeric(0, 0, 3, &[]), "0.000");
    assert_eq!(numeric(0, 0x4000, 2, &[12, 3400]), "-12.34");
    assert_eq!(numeric(-1, 0, 5, &[12, 3000]), "0.00123");
    assert_eq!(numeric(-2, 0, 8, &[12]), "0.00000012");
    assert_eq!(numeric(2, 0, 0, &[1]), "100000000");
    assert_eq!(numeric(1, 0, 1, &[1, 2, 5000]), "10002.5");
    assert_eq!(numeric(0, 0xC000, 0, &[]), "\"NaN\"");
    assert_eq!(numeric(0, 0xF000, 0, &[]), "\"-Infinity\"");
}

#[test]
fn days_and_times_are_iso_8601() {
    let date = |days: i32| scalar(Scalar::Date, days.to_be_bytes());
    assert_eq!(date(0), "\"2000-01-01\"");
    assert_eq!(date(59), "\"2000-02-29\"");
    assert_eq!(date(-1), "\"1999-12-31\"");
    assert_eq!(date(-730_119), "\"0001-01-01\"");
    assert_eq!(date(-730_120), "\"0001-12-31 BC\"");
    assert_eq!(date(-2_451_545), "\"4714-11-24 BC\"");
    assert_eq!(date(2_145_031_948), "\"5874897-12-31\"");
    assert_eq!(date(i32::MAX), "\"infinity\"");
    let moment = |microseconds: i64| scalar(Scalar::TimestampTz, microseconds.to_be_bytes());
    assert_eq!(moment(0), "\"2000-01-01T00:00:00+00:00\"");
    assert_eq!(moment(-1), "\"1999-12-31T23:59:59.999999+00:00\"");
    assert_eq!(moment(1_500_000), "\"2000-01-01T00:00:01.5+00:00\"");
    assert_eq!(moment(i64::MIN), "\"-infinity\"");
    assert_eq!(scalar(Scalar::Time, 86_400_000_000_i64.to_be_bytes()), "\"24:00:00\"");
    let zoned = |west: i32| scalar(Scalar::TimeTz, [&0_i64.to_be_bytes()[..], &west.to_be_bytes()].concat());
    assert_eq!((zoned(0), zoned(-7200)), ("\"00:00:00+00\"".into(), "\"00:00:00+02\"".into()));
    assert_eq!((zoned(12_600), zoned(-59)), ("\"00:00:00-03:30\"".into(), "\"00:00:00+00:00:59\"".into()));
}

#[test]
fn arrays_of_any_depth() {
    let array = |dimensions: &[i32], elements: &[Option<i16>]| {
        let mut raw: Vec<u8> = [dimensions.len() as i32, 1, 21].iter().flat_map(|part| part.to_be_bytes()).collect();
        raw.extend(dimensions.iter().flat_map(|length| [length.to_be_bytes(), 1_i32.to_be_bytes()].concat()));
        for element in elements {
            match element {
                Some(number) => raw.extend([&2_i32.to_be_bytes()[..], &number.to_be_bytes()].concat()),
                None => raw.extend((-1_i32).to_be_bytes()),
            }
        }
        raw
    };
    let kind = Kind::Array(Scalar::Int2);
    assert_eq!(shown(kind, &array(&[], &[])), "[]");
    assert_eq!(shown(kind, &array(&[3], &[Some(1), None, Some(-3)])), "[1,null,-3]");
    assert_eq!(shown(kind, &array(&[2, 1], &[Some(1), None])), "[[1],[null]]");
    // What is cut short is refused, and nothing panics.
    let whole = array(&[2, 2], &[Some(1), None, Some(3), Some(4)]);
    for length in 0..whole.len() {
        assert_eq!(write_value(&mut Vec::new(), kind, &whole[..length]), None, "{length}");
    }
    assert_eq!(write_value(&mut Vec::new(), kind, &array(&[1; 7], &[])), None);
}

#[test]
fn what_is_not_known_is_left_to_postgresql() {
    let text = Kind::One(Scalar::Text);
    assert_eq!(Kind::of_column(Type::INT8.oid(), 'N'), Some(Kind::One(Scalar::Int8)));
    assert_eq!(Kind::of_column(Type::TEXT_ARRAY.oid(), 'A'), Some(Kind::Array(Scalar::Text)));
    assert_eq!((Kind::of_column(99_999, 'E'), Kind::of_column(99_999, 'C')), (Some(text), None));
    for type_ in [Type::INTERVAL, Type::OID, Type::INET, Type::INT4_RANGE, Type::INT2_VECTOR, Type::RECORD, Type::INTERVAL_ARRAY]
    {
        assert_eq!(Kind::of_type(&type_), None, "{type_}");
    }
    assert!(Encoder::for_columns([("a", Some(text)), ("b", None)]).is_none());
    let encoder = Encoder::for_columns([("a\"b", Some(text)), ("c", Kind::of_column(23, 'N'))]).unwrap();
    assert_eq!(&*encoder.columns[0].lead, br#"{"a\"b":"#);
    assert_eq!(&*encoder.columns[1].lead, br#","c":"#);
    assert_eq!(encoder.encode_array(&Rows::none()).unwrap(), "[]");
}
