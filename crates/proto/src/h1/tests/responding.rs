//! What goes out: framing, the connection's own fields, interim and error responses.

use super::*;
use crate::error::RequestError;
use crate::h1::Next;

/// A response to GET on 1.1 that streams `pieces`.
fn streamed(head: &ResponseHead, pieces: &[&str]) -> String {
    respond(&mut taken(&request("GET / HTTP/1.1", "")), head, None, pieces, None).0
}

#[test]
fn a_body_at_hand_gets_a_content_length() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let (sent, end) = respond(
        &mut connection,
        &response(200, &[("Content-Type", "text/plain")]),
        Some(5),
        &["hello"],
        None,
    );
    assert_eq!(
        sent,
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n{DATE}\r\nhello")
    );
    assert_eq!(end, BodyEnd::Complete);
    assert!(connection.response_complete() && !connection.should_close());
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);
}

#[test]
fn an_empty_body_at_hand_has_length_zero() {
    let sent = respond(&mut taken(&request("GET / HTTP/1.1", "")), &response(404, &[]), Some(0), &[], None).0;
    assert_eq!(sent, format!("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n{DATE}\r\n"));
}

#[test]
fn a_streamed_body_is_chunked() {
    let sent = streamed(&response(200, &[]), &["hello", "", "a somewhat longer piece"]);
    assert_eq!(
        sent,
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{DATE}\r\n\
             5\r\nhello\r\n17\r\na somewhat longer piece\r\n0\r\n\r\n"
        )
    );
}

#[test]
fn a_declared_length_is_sent_once_and_kept_to() {
    let declared = response(200, &[("content-length", "5"), ("Content-Length", "5")]);
    let sent = streamed(&declared, &["he", "llo"]);
    assert_eq!(sent, format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n{DATE}\r\nhello"));
}

#[test]
fn too_much_is_cut_off_and_told() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    connection.send_head(&response(200, &[("content-length", "5")]), None, &STAMP, &mut Vec::new());
    let frame = connection.send_data(4);
    assert_eq!((frame.take, frame.overflow), (4, false));
    let frame = connection.send_data(4);
    assert_eq!((frame.take, frame.overflow), (1, true));
    let frame = connection.send_data(4);
    assert_eq!((frame.take, frame.overflow), (0, true));
    assert_eq!(connection.send_end(None, &mut Vec::new()), BodyEnd::Complete);
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);
}

#[test]
fn too_little_closes_the_connection() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let (_, end) = respond(&mut connection, &response(200, &[("content-length", "5")]), None, &["hel"], None);
    assert_eq!(end, BodyEnd::Short { missing: 2 });
    assert!(connection.should_close());
    assert_eq!(connection.finish_exchange(), Next::Close);
}

#[test]
fn a_declared_length_goes_before_the_bytes_at_hand() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let (sent, end) =
        respond(&mut connection, &response(200, &[("content-length", "9")]), Some(5), &["hello"], None);
    assert!(sent.contains("content-length: 9\r\n") && !sent.contains("content-length: 5"), "{sent}");
    assert_eq!(end, BodyEnd::Short { missing: 4 });
}

#[test]
fn http10_streams_until_the_connection_closes() {
    let mut connection = taken(&request("GET / HTTP/1.0", "Connection: keep-alive\r\n"));
    let (sent, _) = respond(&mut connection, &response(200, &[]), None, &["hel", "lo"], None);
    assert_eq!(sent, format!("HTTP/1.1 200 OK\r\n{DATE}connection: close\r\n\r\nhello"));
    assert!(connection.should_close());
}

#[test]
fn only_a_streamed_body_on_http10_is_delimited_by_close() {
    for (start, complete, delimited) in
        [("GET / HTTP/1.0", None, true), ("GET / HTTP/1.0", Some(2), false), ("GET / HTTP/1.1", None, false)]
    {
        let mut connection = taken(&request(start, ""));
        connection.send_head(&response(200, &[]), complete, &STAMP, &mut Vec::new());
        assert_eq!(connection.delimited_by_close(), delimited, "{start}, {complete:?}");
        connection.send_end(None, &mut Vec::new());
        assert!(!connection.delimited_by_close());
    }
}

#[test]
fn http10_lives_on_only_if_asked_to() {
    let mut connection = taken(&request("GET / HTTP/1.0", "Connection: keep-alive\r\n"));
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(2), &["ab"], None);
    assert!(sent.contains("\r\nconnection: keep-alive\r\n"), "{sent}");
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);

    let mut connection = taken(&request("GET / HTTP/1.0", ""));
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(2), &["ab"], None);
    assert!(sent.contains("\r\nconnection: close\r\n"), "{sent}");
    assert_eq!(connection.finish_exchange(), Next::Close);
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    for (complete, fields, length) in [
        (Some(5), vec![], "content-length: 5\r\n"),
        (None, vec![("content-length", "7")], "content-length: 7\r\n"),
        (Some(0), vec![("content-length", "7")], "content-length: 7\r\n"),
        (Some(0), vec![], ""),
        (None, vec![], ""),
    ] {
        let mut connection = taken(&request("HEAD / HTTP/1.1", ""));
        let (sent, end) = respond(&mut connection, &response(200, &fields), complete, &["hello"], None);
        assert_eq!(sent, format!("HTTP/1.1 200 OK\r\n{length}{DATE}\r\n"));
        assert_eq!(end, BodyEnd::Complete);
        assert_eq!(connection.finish_exchange(), Next::KeepAlive);
    }
    let mut connection = taken(&request("HEAD / HTTP/1.1", ""));
    connection.send_head(&response(200, &[]), None, &STAMP, &mut Vec::new());
    assert!(!connection.send_data(5).overflow, "an application may answer HEAD as if it were GET");
}

#[test]
fn statuses_without_content() {
    for (status, fields, complete, expected) in [
        (204, vec![], Some(0), "HTTP/1.1 204 No Content\r\n"),
        (204, vec![("content-length", "5")], None, "HTTP/1.1 204 No Content\r\n"),
        (205, vec![], None, "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n"),
        (205, vec![("content-length", "5")], Some(5), "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n"),
        (304, vec![], Some(0), "HTTP/1.1 304 Not Modified\r\n"),
        (304, vec![("content-length", "5")], None, "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n"),
    ] {
        let mut connection = taken(&request("GET / HTTP/1.1", ""));
        let (sent, end) = respond(&mut connection, &response(status, &fields), complete, &["hello"], None);
        assert_eq!(sent, format!("{expected}{DATE}\r\n"));
        assert_eq!(end, BodyEnd::Complete);
        assert_eq!(connection.finish_exchange(), Next::KeepAlive);

        let mut connection = taken(&request("GET / HTTP/1.1", ""));
        connection.send_head(&response(status, &fields), complete, &STAMP, &mut Vec::new());
        assert!(connection.send_data(1).overflow, "{status} with content is the application's mistake");
    }
}

#[test]
fn trailers_go_to_clients_that_accept_them() {
    let mut trailers = FieldBlock::new();
    trailers.push(b"x-digest", b"abc").unwrap();
    trailers.push(b"Content-Length", b"99").unwrap();
    let mut head = response(200, &[("content-length", "2")]);
    head.set_trailers(true);

    let mut connection = taken(&request("GET / HTTP/1.1", "TE: trailers\r\n"));
    let (sent, _) = respond(&mut connection, &head, Some(2), &["ab"], Some(&trailers));
    assert_eq!(
        sent,
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{DATE}\r\n2\r\nab\r\n0\r\nx-digest: abc\r\n\r\n"
        )
    );
    // Not accepted: no reason to chunk, and no trailers.
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let (sent, _) = respond(&mut connection, &head, Some(2), &["ab"], Some(&trailers));
    assert_eq!(sent, format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{DATE}\r\nab"));
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let (sent, _) = respond(&mut connection, &response(200, &[]), None, &["ab"], Some(&trailers));
    assert!(sent.ends_with("\r\n2\r\nab\r\n0\r\n\r\n"), "{sent}");
    // HTTP/1.0 has no chunks to put them after.
    let mut connection = taken(&request("GET / HTTP/1.0", "TE: trailers\r\n"));
    let (sent, _) = respond(&mut connection, &head, None, &["ab"], Some(&trailers));
    assert!(sent.ends_with("\r\n\r\nab") && !sent.contains("chunked"), "{sent}");
}

#[test]
fn date_and_server_of_the_application_stay_alone() {
    let sent =
        streamed(&response(200, &[("Date", "today"), ("SERVER", "mine"), ("content-length", "0")]), &[]);
    assert_eq!(sent, "HTTP/1.1 200 OK\r\nDate: today\r\nSERVER: mine\r\ncontent-length: 0\r\n\r\n");
    let mut out = Vec::new();
    let stamp = Stamp { server: false, ..STAMP };
    taken(&request("GET / HTTP/1.1", "")).send_head(&response(200, &[]), Some(0), &stamp, &mut out);
    assert!(!String::from_utf8(out).unwrap().contains("server"));
}

#[test]
fn a_request_id_is_added_unless_the_application_has_one() {
    let stamp = Stamp { request_id: b"id-1", ..STAMP };
    let mut out = Vec::new();
    taken(&request("GET / HTTP/1.1", "")).send_head(&response(200, &[]), Some(0), &stamp, &mut out);
    assert!(String::from_utf8(out).unwrap().contains("\r\nx-request-id: id-1\r\n"));
    let own = response(200, &[("X-Request-ID", "mine")]);
    let mut out = Vec::new();
    taken(&request("GET / HTTP/1.1", "")).send_head(&own, Some(0), &stamp, &mut out);
    let sent = String::from_utf8(out).unwrap();
    assert!(sent.contains("X-Request-ID: mine\r\n") && !sent.contains("id-1"), "{sent}");
    let mut out = Vec::new();
    taken(&request("GET / HTTP/1.1", "")).send_failure(&stamp, &mut out);
    assert!(String::from_utf8(out).unwrap().contains("\r\nx-request-id: id-1\r\n"));
}

#[test]
fn an_unknown_status_has_an_empty_reason() {
    let sent = streamed(&response(299, &[("content-length", "0")]), &[]);
    assert!(sent.starts_with("HTTP/1.1 299 \r\n"), "{sent}");
}

#[test]
fn connection_close_of_either_side_ends_it() {
    let mut connection = taken(&request("GET / HTTP/1.1", "Connection: close\r\n"));
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(0), &[], None);
    assert!(sent.ends_with("\r\nconnection: close\r\n\r\n"), "{sent}");
    assert!(connection.should_close());

    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let (sent, _) = respond(&mut connection, &response(200, &[("Connection", "close")]), Some(0), &[], None);
    assert_eq!(sent.matches("onnection: close").count(), 1, "{sent}");
    assert_eq!(connection.finish_exchange(), Next::Close);
}

#[test]
fn an_offered_upgrade_is_named_in_connection() {
    let head = response(426, &[("Upgrade", "h2c"), ("Connection", "upgrade")]);
    let sent = respond(&mut taken(&request("GET / HTTP/1.1", "")), &head, Some(0), &[], None).0;
    assert!(
        sent.contains("\r\nUpgrade: h2c\r\n") && sent.ends_with("\r\nconnection: upgrade\r\n\r\n"),
        "{sent}"
    );
    let closing = taken(&request("GET / HTTP/1.1", "Connection: close\r\n"));
    let sent = respond(&mut { closing }, &head, Some(0), &[], None).0;
    assert!(sent.ends_with("\r\nconnection: close, upgrade\r\n\r\n"), "{sent}");
}

#[test]
fn draining_says_close_from_now_on() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    connection.set_draining();
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(0), &[], None);
    assert!(sent.contains("\r\nconnection: close\r\n"), "{sent}");

    let mut idle = Connection::new(Arc::new(Limits::default()));
    idle.set_draining();
    assert!(!idle.should_close(), "a request may be on its way");
    take(&mut idle, &request("GET / HTTP/1.1", ""));
    let (sent, _) = respond(&mut idle, &response(200, &[]), Some(0), &[], None);
    assert!(sent.contains("\r\nconnection: close\r\n"), "{sent}");
}

#[test]
fn early_hints() {
    let mut hints = FieldBlock::new();
    hints.push(b"link", b"</a.css>; rel=preload").unwrap();
    hints.push(b"Transfer-Encoding", b"chunked").unwrap();
    hints.push(b"content-length", b"3").unwrap();
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let mut out = Vec::new();
    assert!(connection.send_interim(103, &hints, &mut out));
    assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n");
    assert!(!connection.response_started());
    for status in [100, 101, 200, 404] {
        assert!(!connection.send_interim(status, &hints, &mut out), "{status}");
    }
    respond(&mut connection, &response(200, &[]), Some(0), &[], None);
    out.clear();
    assert!(!connection.send_interim(103, &hints, &mut out), "after the final head");
    assert!(!taken(&request("GET / HTTP/1.0", "")).send_interim(103, &hints, &mut out), "on 1.0");
    assert!(out.is_empty());
}

const EXPECT: &str = "Content-Length: 3\r\nExpect: 100-continue\r\n";

#[test]
fn continue_is_sent_once_and_only_when_waited_for() {
    let mut out = Vec::new();
    let mut connection = taken(&request("POST / HTTP/1.1", EXPECT));
    assert!(connection.send_continue(&mut out));
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(!connection.send_continue(&mut out), "twice");

    let mut connection = taken(&request("POST / HTTP/1.1", EXPECT));
    assert_eq!(feed(&mut connection, b"a"), (b"a".to_vec(), false));
    assert!(!connection.send_continue(&mut out), "the body is coming");

    let chunked = "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n";
    let mut connection = taken(&request("POST / HTTP/1.1", chunked));
    assert_eq!(feed(&mut connection, b""), (vec![], false));
    let mut waiting = connection;
    assert_eq!(feed(&mut waiting, b"3"), (vec![], false));
    assert!(!waiting.send_continue(&mut out), "a chunk is coming");

    assert!(
        !taken(&request("POST / HTTP/1.1", "Content-Length: 3\r\n")).send_continue(&mut out),
        "not asked for"
    );
    assert_eq!(out.len(), 25);
}

#[test]
fn an_unanswered_expectation_ends_the_connection() {
    let mut connection = taken(&request("POST / HTTP/1.1", EXPECT));
    let (sent, _) = respond(&mut connection, &response(403, &[]), Some(0), &[], None);
    assert!(sent.contains("\r\nconnection: close\r\n"), "{sent}");
    assert!(!connection.send_continue(&mut Vec::new()), "after the final head");
    assert_eq!(connection.finish_exchange(), Next::Close);

    // Answered, or the body came all the same: the connection is in order.
    let mut connection = taken(&request("POST / HTTP/1.1", EXPECT));
    connection.send_continue(&mut Vec::new());
    feed(&mut connection, b"abc");
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(0), &[], None);
    assert!(!sent.contains("connection"), "{sent}");
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);
}

#[test]
fn an_error_response_is_whole_and_final() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    let mut spans = HeadSpans::new();
    let error = connection.handle_input(b"GET / HTTP/1.1\r\n\r\n", &mut spans).unwrap_err();
    let mut out = Vec::new();
    connection.send_error(error, &STAMP, &mut out);
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\n\
             {DATE}connection: close\r\n\r\nThe Host header is missing.\n"
        )
    );
    assert!(connection.should_close() && connection.response_complete());
    let length = out.len();
    connection.send_error(error, &STAMP, &mut out);
    assert_eq!(out.len(), length, "once");
    assert_eq!(connection.finish_exchange(), Next::Close);
}

#[test]
fn timeouts_are_answered_without_an_error_of_the_parser() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    connection.handle_input(b"GET / HT", &mut HeadSpans::new()).unwrap();
    let mut out = Vec::new();
    connection.send_error(RequestError::HeadTimeout, &STAMP, &mut out);
    assert!(out.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
    let progress = connection.handle_input(b"TP/1.1\r\n", &mut HeadSpans::new()).unwrap();
    assert_eq!(progress.event, Event::Closed);
}

#[test]
fn nothing_reaches_the_wire_after_a_request_broke_off() {
    let head = request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n");
    let mut connection = taken(&head);
    connection.handle_input(b"zz\r\n", &mut HeadSpans::new()).unwrap_err();
    assert!(connection.should_close() && !connection.request_complete());
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(5), &["hello"], None);
    assert_eq!(sent, "");
    let mut out = Vec::new();
    connection.send_failure(&STAMP, &mut out);
    assert!(!connection.send_interim(103, &FieldBlock::new(), &mut out));
    assert!(out.is_empty());
    connection.send_error(RequestError::BadChunkSize, &STAMP, &mut out);
    assert!(out.starts_with(b"HTTP/1.1 400 "));
}

#[test]
fn a_response_that_has_started_is_cut_off_when_the_request_breaks() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 5\r\n"));
    let mut out = Vec::new();
    connection.send_head(&response(200, &[]), None, &STAMP, &mut out);
    connection.handle_eof().unwrap_err();
    out.clear();
    connection.send_error(RequestError::EarlyEndOfBody, &STAMP, &mut out);
    assert_eq!(connection.send_data(5).take, 0);
    connection.send_end(None, &mut out);
    assert!(out.is_empty() && connection.should_close());
}

#[test]
fn a_failure_is_a_500_and_the_connection_lives_on_if_it_can() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let mut out = Vec::new();
    connection.send_failure(&STAMP, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 500 Internal Server Error\r\n") && !text.contains("connection"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\nThe application failed.\n"), "{text}");
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);

    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 5\r\n"));
    let mut out = Vec::new();
    connection.send_failure(&STAMP, &mut out);
    assert!(String::from_utf8(out).unwrap().contains("\r\nconnection: close\r\n"));
    assert_eq!(connection.finish_exchange(), Next::Close);
}

#[test]
fn an_answer_that_is_too_late_is_a_504() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    let mut out = Vec::new();
    connection.send_timeout(&STAMP, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("HTTP/1.1 504 Gateway Timeout\r\n") && !text.contains("connection"), "{text}");
    assert!(text.ends_with("\r\n\r\nThe application did not answer in time.\n"), "{text}");
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);
}

#[test]
fn a_failure_of_head_has_no_body() {
    let mut out = Vec::new();
    taken(&request("HEAD / HTTP/1.1", "")).send_failure(&STAMP, &mut out);
    assert!(out.ends_with(b"\r\n\r\n"));
}

#[test]
fn the_wrong_order_writes_nothing() {
    let mut out = Vec::new();
    let mut idle = Connection::new(Arc::new(Limits::default()));
    idle.send_head(&response(200, &[]), Some(1), &STAMP, &mut out);
    idle.send_failure(&STAMP, &mut out);
    assert_eq!(idle.send_data(1).take, 0);
    assert_eq!(idle.send_end(None, &mut out), BodyEnd::Complete);
    assert!(out.is_empty() && !idle.response_started());

    let mut done = taken(&request("GET / HTTP/1.1", ""));
    assert_eq!(done.send_data(1).take, 0, "before the head");
    assert_eq!(done.send_end(None, &mut out), BodyEnd::Complete);
    assert!(!done.response_complete());
    respond(&mut done, &response(200, &[]), None, &["a"], None);
    assert_eq!(respond(&mut done, &response(200, &[]), None, &["b"], None).0, "", "a second response");
    done.send_failure(&STAMP, &mut out);
    assert!(out.is_empty());
}
