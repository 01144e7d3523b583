//! Names of the program as people read them.

/// `data_steward` and `data-steward` become `Data steward`.
#[must_use]
pub fn shown_word(name: &str) -> String {
    let text = name.replace(['_', '-'], " ");
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_program_becomes_words() {
        assert_eq!(shown_word("data_steward"), "Data steward");
        assert_eq!(shown_word("quote-to-project"), "Quote to project");
        assert_eq!(shown_word(""), "");
    }
}
