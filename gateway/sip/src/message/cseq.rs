// SPDX-License-Identifier: EUPL-1.2
//! Holds the numbers that order requests.

use super::Method;
use crate::parse::ValueError;
use crate::parse::scan::Scan;
use std::fmt;

/// The largest CSeq and RSeq number (RFC 3261 §8.1.1.5: less than 2³¹).
pub const MAX_SEQUENCE: u32 = 0x7fff_ffff;

/// Orders requests in a dialog (RFC 3261 §20.16).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// The number, less than 2³¹.
    pub number: u32,
    /// The method, which must be the request's.
    pub method: Method,
}

impl CSeq {
    /// Makes a CSeq.
    pub const fn new(number: u32, method: Method) -> CSeq {
        CSeq { number, method }
    }

    /// Reads a CSeq.
    pub fn parse(text: &str) -> Result<CSeq, ValueError> {
        let mut scan = Scan::new(text);
        scan.skip_space();
        let number = sequence(&mut scan, "CSeq number not below 2^31")?;
        let method = last_method(&mut scan)?;
        Ok(CSeq { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Names the reliable provisional response that a PRACK acknowledges (RFC 3262 §7.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RAck {
    /// The RSeq of the response.
    pub response: u32,
    /// The CSeq of the response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads an RAck.
    pub fn parse(text: &str) -> Result<RAck, ValueError> {
        let mut scan = Scan::new(text);
        scan.skip_space();
        let response = sequence(&mut scan, "RSeq number not below 2^31")?;
        if !scan.skip_space() {
            return Err(scan.error("RAck without a CSeq number"));
        }
        let number = sequence(&mut scan, "CSeq number not below 2^31")?;
        let method = last_method(&mut scan)?;
        Ok(RAck {
            response,
            cseq: CSeq { number, method },
        })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.response, self.cseq)
    }
}

fn sequence(scan: &mut Scan<'_>, what: &'static str) -> Result<u32, ValueError> {
    let number = scan.number(u64::from(MAX_SEQUENCE), what)?;
    Ok(u32::try_from(number).unwrap_or(MAX_SEQUENCE))
}

fn last_method(scan: &mut Scan<'_>) -> Result<Method, ValueError> {
    if !scan.skip_space() {
        return Err(scan.error("no method after the number"));
    }
    let method = Method::parse(scan.token("no method after the number")?)?;
    scan.finish("unexpected text after the method")?;
    Ok(method)
}
