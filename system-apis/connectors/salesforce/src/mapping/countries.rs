//! Countries: sales people write names, the canonical model has ISO 3166 alpha-2 codes.

use std::collections::BTreeMap;

/// Codes and English short names.
const COUNTRIES: &str = "\
AD Andorra;AE United Arab Emirates;AF Afghanistan;AG Antigua and Barbuda;AI Anguilla;AL Albania;\
AM Armenia;AO Angola;AQ Antarctica;AR Argentina;AS American Samoa;AT Austria;AU Australia;AW Aruba;\
AX Åland Islands;AZ Azerbaijan;BA Bosnia and Herzegovina;BB Barbados;BD Bangladesh;BE Belgium;\
BF Burkina Faso;BG Bulgaria;BH Bahrain;BI Burundi;BJ Benin;BL Saint Barthélemy;BM Bermuda;BN Brunei;\
BO Bolivia;BQ Caribbean Netherlands;BR Brazil;BS Bahamas;BT Bhutan;BV Bouvet Island;BW Botswana;\
BY Belarus;BZ Belize;CA Canada;CC Cocos Islands;CD Democratic Republic of the Congo;\
CF Central African Rep.;CG Congo;CH Switzerland;CI Côte d'Ivoire;CK Cook Islands;CL Chile;CM Cameroon;\
CN China;CO Colombia;CR Costa Rica;CU Cuba;CV Cape Verde;CW Curaçao;CX Christmas Island;CY Cyprus;\
CZ Czechia;DE Germany;DJ Djibouti;DK Denmark;DM Dominica;DO Dominican Republic;DZ Algeria;EC Ecuador;\
EE Estonia;EG Egypt;EH Western Sahara;ER Eritrea;ES Spain;ET Ethiopia;FI Finland;FJ Fiji;\
FK Falkland Islands;FM Micronesia;FO Faroe Islands;FR France;GA Gabon;GB United Kingdom;GD Grenada;\
GE Georgia;GF French Guiana;GG Guernsey;GH Ghana;GI Gibraltar;GL Greenland;GM Gambia;GN Guinea;\
GP Guadeloupe;GQ Equatorial Guinea;GR Greece;GS South Georgia and the South Sandwich Islands;\
GT Guatemala;GU Guam;GW Guinea-Bissau;GY Guyana;HK Hong Kong;HM Heard Island and McDonald Islands;\
HN Honduras;HR Croatia;HT Haiti;HU Hungary;ID Indonesia;IE Ireland;IL Israel;IM Isle of Man;IN India;\
IO British Indian Ocean Territory;IQ Iraq;IR Iran;IS Iceland;IT Italy;JE Jersey;JM Jamaica;JO Jordan;\
JP Japan;KE Kenya;KG Kyrgyzstan;KH Cambodia;KI Kiribati;KM Comoros;KN Saint Kitts and Nevis;\
KP North Korea;KR South Korea;KW Kuwait;KY Cayman Islands;KZ Kazakhstan;LA Laos;LB Lebanon;\
LC Saint Lucia;LI Liechtenstein;LK Sri Lanka;LR Liberia;LS Lesotho;LT Lithuania;LU Luxembourg;LV Latvia;\
LY Libya;MA Morocco;MC Monaco;MD Moldova;ME Montenegro;MF Saint Martin;MG Madagascar;\
MH Marshall Islands;MK North Macedonia;ML Mali;MM Myanmar;MN Mongolia;MO Macao;\
MP Northern Mariana Islands;MQ Martinique;MR Mauritania;MS Montserrat;MT Malta;MU Mauritius;MV Maldives;\
MW Malawi;MX Mexico;MY Malaysia;MZ Mozambique;NA Namibia;NC New Caledonia;NE Niger;NF Norfolk Island;\
NG Nigeria;NI Nicaragua;NL Netherlands;NO Norway;NP Nepal;NR Nauru;NU Niue;NZ New Zealand;OM Oman;\
PA Panama;PE Peru;PF French Polynesia;PG Papua New Guinea;PH Philippines;PK Pakistan;PL Poland;\
PM Saint Pierre and Miquelon;PN Pitcairn;PR Puerto Rico;PS Palestine;PT Portugal;PW Palau;PY Paraguay;\
QA Qatar;RE Réunion;RO Romania;RS Serbia;RU Russia;RW Rwanda;SA Saudi Arabia;SB Solomon Islands;\
SC Seychelles;SD Sudan;SE Sweden;SG Singapore;SH Saint Helena;SI Slovenia;SJ Svalbard and Jan Mayen;\
SK Slovakia;SL Sierra Leone;SM San Marino;SN Senegal;SO Somalia;SR Suriname;SS South Sudan;\
ST São Tomé and Príncipe;SV El Salvador;SX Sint Maarten;SY Syria;SZ Eswatini;\
TC Turks and Caicos Islands;TD Chad;TF French Southern Territories;TG Togo;TH Thailand;TJ Tajikistan;\
TK Tokelau;TL Timor-Leste;TM Turkmenistan;TN Tunisia;TO Tonga;TR Türkiye;TT Trinidad and Tobago;\
TV Tuvalu;TW Taiwan;TZ Tanzania;UA Ukraine;UG Uganda;UM US Minor Outlying Islands;US United States;\
UY Uruguay;UZ Uzbekistan;VA Vatican City;VC Saint Vincent and the Grenadines;VE Venezuela;\
VG British Virgin Islands;VI US Virgin Islands;VN Vietnam;VU Vanuatu;WF Wallis and Futuna;WS Samoa;\
YE Yemen;YT Mayotte;ZA South Africa;ZM Zambia;ZW Zimbabwe";

/// Other spellings that people use; an organisation adds its own in its settings.
const SPELLINGS: [(&str, &str); 12] = [
    ("usa", "US"),
    ("u.s.a.", "US"),
    ("united states of america", "US"),
    ("uk", "GB"),
    ("great britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("deutschland", "DE"),
    ("the netherlands", "NL"),
    ("czech republic", "CZ"),
    ("turkey", "TR"),
    ("uae", "AE"),
];

fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    COUNTRIES.split(';').filter_map(|entry| entry.split_once(' '))
}

/// Whether a text is the code of a country.
pub(crate) fn is_code(text: &str) -> bool {
    countries().any(|(code, _)| code == text)
}

/// The code of a country by code or name; `own` are the organisation's spellings.
pub(crate) fn code_of(text: &str, own: &BTreeMap<String, String>) -> Option<String> {
    let text = text.trim();
    if let Some(code) = own
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, c)| c)
    {
        return Some(code.clone());
    }
    let upper = text.to_ascii_uppercase();
    if is_code(&upper) {
        return Some(upper);
    }
    let lower = text.to_lowercase();
    let by_name = countries()
        .find(|(_, name)| name.to_lowercase() == lower)
        .map(|(code, _)| code);
    let by_spelling = || {
        SPELLINGS
            .iter()
            .find(|(name, _)| *name == lower)
            .map(|(_, code)| *code)
    };
    by_name.or_else(by_spelling).map(str::to_owned)
}

/// The English short name of a country.
pub(crate) fn name_of(code: &str) -> Option<&'static str> {
    countries()
        .find(|(known, _)| *known == code)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_known_by_code_name_and_spelling() {
        let own = BTreeMap::from([("Teutonia".to_owned(), "DE".to_owned())]);
        for (text, code) in [
            ("de", "DE"),
            ("Germany", "DE"),
            (" USA ", "US"),
            ("teutonia", "DE"),
            ("Türkiye", "TR"),
        ] {
            assert_eq!(code_of(text, &own).as_deref(), Some(code), "{text}");
        }
        assert_eq!(code_of("Atlantis", &own), None);
        assert_eq!(name_of("GB"), Some("United Kingdom"));
    }
}
