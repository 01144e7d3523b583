//! The sign-in page.

use std::fmt::Write;

use super::SignIn;

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Sign in</title><style>\
body{font:16px/1.5 system-ui,sans-serif;background:#f5f6f8;color:#1c2430;margin:0;display:grid;place-items:center;min-height:100vh}\
main{background:#fff;border:1px solid #d9dee5;border-radius:8px;padding:2rem;width:min(26rem,calc(100vw - 2rem));box-sizing:border-box}\
h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:0 0 1rem;color:#5a6675}\
button{display:flex;justify-content:space-between;gap:1rem;width:100%;font:inherit;text-align:left;background:#fff;color:inherit;\
border:1px solid #d9dee5;border-radius:6px;padding:.55rem .8rem;margin:0 0 .5rem;cursor:pointer}\
button:hover,button:focus-visible{border-color:#1f5fbf;background:#f0f5fd}small{color:#5a6675}</style><main>";

/// Lists the people; each button posts the request's own parameters with that person.
pub(super) fn choose(query: &str, people: &[SignIn]) -> String {
    let mut body = format!(
        "{HEAD}<h1>Northwind Advisory</h1><p>Development sign-in: choose who you are.</p>\
         <form method=\"post\" action=\"/authorize?{}\">",
        escape(query)
    );
    for person in people {
        let roles = person.roles.join(", ").replace('_', " ");
        // Writing to a String cannot fail.
        let _written = write!(
            body,
            "<button name=\"person\" value=\"{}\"><span>{}</span><small>{}</small></button>",
            escape(&person.email),
            escape(&person.name),
            escape(&roles)
        );
    }
    body + "</form></main></html>"
}

/// Says why there is nothing to choose.
pub(super) fn refusal(why: &str) -> String {
    format!(
        "{HEAD}<h1>Sign-in is not possible</h1><p>{}.</p></main></html>",
        escape(why)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
