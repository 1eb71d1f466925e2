// SPDX-License-Identifier: EUPL-1.2
//! A PIN that shows itself to nobody.

use std::fmt;
use std::ops::Deref;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Holds a PIN; wiped when dropped, shown as `•••`.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes a PIN.
    pub fn new(digits: impl Into<String>) -> Pin {
        Pin(Zeroizing::new(digits.into()))
    }

    /// Compares in a time that tells nothing but the length.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Deref for Pin {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Pin) -> bool {
        self.matches(other)
    }
}

impl Eq for Pin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_matches_itself_and_is_never_shown() {
        let pin = Pin::new("0987654321");
        assert!(pin.matches("0987654321"));
        assert!(!pin.matches("0987654322"));
        assert!(!pin.matches("098765432"));
        assert_eq!(format!("{:?}", Some(pin)), "Some(•••)");
    }
}
