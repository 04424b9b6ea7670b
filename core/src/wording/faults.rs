//! Why a message fails the formal checks (RFC 6109 §3.1.1), in Italian: each is the
//! *descrizione errore* that follows `a causa di ` in the notice of non-acceptance (RFC 6109 §3.1.2),
//! and stands in `errore-esteso`.

use crate::address::Address;
use crate::limits::MEGABYTE;

/// AP-03
pub const NOT_A_FIELD: &str =
    "un'intestazione che contiene una riga non conforme alla specifica RFC 5322";
/// AP-03
pub const LINE_TOO_LONG: &str = "una riga di lunghezza superiore a 998 caratteri";
/// AP-03
pub const EIGHT_BIT_HEADER: &str =
    "un'intestazione che contiene caratteri non ASCII privi di codifica";
/// AP-03
pub const NO_DATE: &str = "mancanza del campo Date";
/// AP-04
pub const NO_FROM: &str = "mancanza del campo From";
/// AP-04
pub const FROM_INVALID: &str = "un campo From che non contiene un indirizzo valido";
/// AP-04
pub const FROM_SEVERAL: &str = "un campo From che contiene più di un indirizzo";
/// AP-05
pub const NO_TO: &str = "mancanza del campo To";
/// AP-05
pub const TO_INVALID: &str = "un campo To che non contiene alcun indirizzo valido";
/// AP-08
pub const BCC: &str = "presenza di destinatari in copia nascosta (campo Bcc)";
/// AP-25
pub const EIGHT_BIT_SEALED: &str =
    "contenuti a 8 bit all'interno di una parte firmata o cifrata dal mittente";
/// AP-25, for a part that has no other coding.
pub const EIGHT_BIT_UNENCODABLE: &str =
    "contenuti a 8 bit in una parte che non ne ammette la ricodifica";
/// SE-07
pub const HEADER_TOO_LARGE: &str = "un'intestazione di dimensione superiore a quella ammessa";
/// SE-07
pub const TOO_DEEP: &str = "un numero di livelli di parti MIME superiore a quello ammesso";
/// SE-07
pub const TOO_MANY_PARTS: &str = "un numero di parti MIME superiore a quello ammesso";

/// SE-08
pub const ARCHIVE_OVER_BOUNDS: &str =
    "presenza di un archivio che eccede i limiti ammessi per il controllo antivirus";

/// AP-03: a field that may stand only once.
pub fn repeated_field(name: &str) -> String {
    format!("presenza di più campi {name}")
}

/// VI-15: a name that is not there is left out.
pub fn forbidden_type(name: &str, extension: &str) -> String {
    if name.is_empty() {
        return format!("presenza di un allegato di tipo non ammesso ({extension})");
    }
    format!("presenza dell'allegato {name} di tipo non ammesso ({extension})")
}

/// AP-06
pub fn sender_differs(sender: &Address, from: &Address) -> String {
    format!("mittente del campo From ({from}) diverso dal mittente di trasporto ({sender})")
}

/// AP-07
pub fn recipient_not_listed(recipient: &Address) -> String {
    format!("destinatario {recipient} non presente nei campi To e Cc")
}

/// AP-09
pub fn too_large(size: u64, most: u64) -> String {
    let (size, most) = (megabytes(size), megabytes(most));
    format!("dimensione del messaggio ({size}) superiore al limite di {most}")
}

/// AP-10
pub fn product_too_large(size: u64, recipients: usize, most: u64) -> String {
    let (size, most) = (megabytes(size), megabytes(most));
    format!(
        "dimensione del messaggio ({size}) moltiplicata per il numero dei destinatari \
         ({recipients}) superiore al limite di {most}"
    )
}

/// AP-11
pub fn too_many_recipients(recipients: usize, most: u32) -> String {
    format!("numero dei destinatari ({recipients}) superiore al limite di {most}")
}

/// With one decimal, rounded up, so that what is over a limit does not read as equal to it.
fn megabytes(octets: u64) -> String {
    let tenths = (octets.saturating_mul(10)).div_ceil(MEGABYTE);
    match tenths % 10 {
        0 => format!("{} MB", tenths / 10),
        rest => format!("{},{rest} MB", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ap_09_a_size_over_the_limit_reads_as_over_it() {
        let text = too_large(30 * MEGABYTE + 1, 30 * MEGABYTE);
        assert!(text.contains("(30,1 MB)"), "{text}");
        assert!(text.ends_with("limite di 30 MB"), "{text}");
    }
}
