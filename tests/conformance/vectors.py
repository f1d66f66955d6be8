"""Recorded vectors of the specification (admin.md §2.3 and §3, attestation-token.md §6.4, jwe-response.md §5-§7,
rcar-protocol.md §6.3 and §7). All keys here are test keys and public."""

NONCE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

GUEST_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "alg": "ECDH-ES+A256KW",
    "x": "Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c",
    "y": "h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U",
}
GUEST_D = "1SZ1yFd_d0MtFzdE5roVmqRMYw23PYZJo-afWbbOYIE"

# rcar-protocol.md §6.3
DEVICE_SHA384 = "a6523d518dda93eb6b0490d3a6f2a8064cc7e6856e91a4c4f778722779a4586388e8e1f382ce9f6691ede23b203329ea"
PRIMARY_SHA256 = "3279466ef5b7e3827c5d9740f24a4db2574feb6b48f6e4e2dc141e04fcd3114e"
PRIMARY_SHA384 = "8647fcd1769a6dccaf397db5ba3e5b8e0e75e09640abbec3d163620b825c11d54477c351f58b47353540d96c3528176d"
PRIMARY_SHA512 = (
    "0db3c7b0d589ba22c3666ca3c8788633e353b67e79d02d1ea15bc9940be384ef"
    "ab0e2aaa090552160274b0fa01a25673d8c03bf805a009c6f7b9f8aed1ab6640"
)
PRIMARY_WITH_DEVICE_SHA384 = (
    "0f5f5d76a46245d46a4d62a6e001de127eddc89be1a7d012a6baba39ffc00951"
    "4167a5a2717a1c9ea6be8a0787408553"
)
INIT_DATA_SHA384 = "ad344b89d2a0c99aad897d9b86bb5d3e47a81d10a68ff85d050dfac2463a542023b209996e7f8ff001e588df394d1d09"

# attestation-token.md §6.4
TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiIsImp3ayI6eyJhbGciOiJFUzI1NiIsImt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4"
    "IjoiQWx2YjRMcHlKb19RLWp5a3lvQ2twQ3hiRzJvYUJURUZaRkcxS2VlUnBFWSIsInkiOiJVbjMySTdod1dZa3NsaVdIc0pDTWhJ"
    "ZFVZSy13WkZxSEN3QUFEaFNMUHVnIn19.eyJlYXRfcHJvZmlsZSI6InRhZzpnaXRodWIuY29tLDIwMjQ6Y29uZmlkZW50aWFsLWN"
    "vbnRhaW5lcnMvVHJ1c3RlZSIsImlhdCI6MTc4NTcwMDAwMCwiZWFyLnZlcmlmaWVyLWlkIjp7ImRldmVsb3BlciI6Imh0dHBzOi8"
    "vY29uZmlkZW50aWFsY29udGFpbmVycy5vcmciLCJidWlsZCI6ImF0dGVzdGF0aW9uLXNlcnZpY2UgMC4xLjAifSwic3VibW9kcyI"
    "6eyJjcHUwIjp7ImVhci5zdGF0dXMiOiJjb250cmFpbmRpY2F0ZWQiLCJlYXIudHJ1c3R3b3J0aGluZXNzLXZlY3RvciI6eyJpbnN"
    "0YW5jZS1pZGVudGl0eSI6MCwiY29uZmlndXJhdGlvbiI6MiwiZXhlY3V0YWJsZXMiOjMzLCJmaWxlLXN5c3RlbSI6MCwiaGFyZHd"
    "hcmUiOjk3LCJydW50aW1lLW9wYXF1ZSI6MCwic3RvcmFnZS1vcGFxdWUiOjAsInNvdXJjZWQtZGF0YSI6MH0sImVhci5hcHByYWl"
    "zYWwtcG9saWN5LWlkIjoiZGVmYXVsdCIsImVhci52ZXJhaXNvbi5hbm5vdGF0ZWQtZXZpZGVuY2UiOnsicmVwb3J0X2RhdGEiOiJ"
    "oa2Y4MFhhYWJjeXZPWDIxdWo1YmpnNTE0SlpBcTc3RDBXTmlDNEpjRWRWRWQ4TlI5WXRITlRWQTJXdzFLQmR0IiwicnVudGltZV9"
    "kYXRhX2NsYWltcyI6eyJhZGRpdGlvbmFsLWV2aWRlbmNlIjoiIiwibm9uY2UiOiJBQUVDQXdRRkJnY0lDUW9MREEwT0R4QVJFaE1"
    "VRlJZWEdCa2FHeHdkSGg4PSIsInRlZS1wdWJrZXkiOnsiYWxnIjoiRUNESC1FUytBMjU2S1ciLCJjcnYiOiJQLTI1NiIsImt0eSI"
    "6IkVDIiwieCI6IkFiZDhsX1ozVElWVWF3aHpPWk1YTnlCWlR4Y09JRDFTTGlsQTFjbEZBMWMiLCJ5IjoiaDZ4QWtSZS1mN0lwbmp"
    "pRUJHVzNoWTMwUTJBZTZkZTVzbUt5TW03Nm05VSJ9fSwic2FtcGxlIjp7ImRlYnVnIjpmYWxzZSwibGF1bmNoX2RpZ2VzdCI6ImF"
    "iY2RlIiwicGxhdGZvcm1fdmVyc2lvbiI6eyJtYWpvciI6MSwibWlub3IiOjR9LCJzdm4iOiIxIn19LCJlYXIudHJ1c3RlZS5pZGV"
    "udGlmaWVycyI6eyJ2YWxpZGF0ZWQiOnt9fX19LCJleHAiOjE3ODU3MDAzMDAsImlzcyI6IkNvQ28tQXR0ZXN0YXRpb24tU2Vydml"
    "jZSJ9.Hb46mf-pW-k8LNwVZOOs15X2tfkdyFcoUimcoTNazwhLqD5X8NFq_MBIhULQ42uf99jlWdowwyHYUZS_Qz0kYQ"
)

# admin.md §2.3 and §3
ADMIN_TOKEN = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJUcnVzdGVlSW5Eb2NrZXIiLCJzdWIiOiJhZG1pbiIsImF1ZCI6WyJ"
    "LQlMiXSwicm9sZSI6ImFkbWluIiwiaWF0IjoxNzg1NzAwMDAwLCJleHAiOjIxMDEwNjAwMDB9.ZShQTr3hxTopUQlygl8ta-M5Zq"
    "G4ZySGvuCnMSKklTNFh8nSAEIXZyLFw3_Mv-PDVobYf6IfdHwgFzVqiZHiBQ"
)
LEGACY_TOKEN_018 = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJleHAiOjIxMDEwNjAwMDAsImlhdCI6MTc4NTcwMDAwMH0.H8aSQxdEXxosMth"
    "j8NjJsxcfoHFrohI9ZsYBMkMesbf1BhSWW1rkHk_Aw6FUWzhzCzJfi4_UQLUuN9OO8hQoDA"
)
LEGACY_TOKEN_017 = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3ODU3MDAwMDAsImV4cCI6MjEwMTA2MDAwMCwibmJmIjoxNzg1NzA"
    "wMDAwfQ.TnI-BsMdCIeJhp6q2plIeTYPG3tqd355EK7TvPiSXd0QJH87PB52AF2xS6a9bsoKTb9gTJCT06sMhfa6_rdjAg"
)
ADMIN_PUBLIC_KEY = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="

# jwe-response.md §5 to §7
P521_JWK = {
    "kty": "EC",
    "crv": "P-521",
    "alg": "ECDH-ES+A256KW",
    "x": "AQYre_qiZ1lsIdMZwSn0s9DomzLY3e0N4tawoMUWDzKlYW5vzVrcBk-XfA6t03s2du01TfyhutBXPZkh0YErBDuk",
    "y": "AWIBOUMJ7Lux5Yg_lUxKgmXbSXChtnnm2JJHL_s1TRdcs3YaS0LqsmktfM4xRaJygp39z07wKRQPIZEjuL8JK-ON",
}
P521_D = "ABqU7LD8_7l-g3rm1MzXj2hQ7IOO2FaPTBwi9_fNzGeauvBbL2W37_vaHZQSWksTmFYDZIWWnkWKBS7hI12VQd1T"
RSA_N = (
    "vDiPbjo87eZKrqtyVKpf6zGjMMN6MALKTXlkvOvSXIWEHlyam0khlhVGg7P7OZUB65lRWqye9xzOQjCtEPkfXr1YaZ7ZuTHWrncP"
    "IKz2Z8HxOsdlc1L38zxCzTiKGMv8Tf8Msg8HhmaWLIQku9PDlz0_-_VrEiR0SsWGORQLeruox_0sqEOmxV8Ia4pqaREwA6zdGdRA"
    "9UJVbu0scuAVJLj-bn1NLPa0GdL_L3F86kZRohAc9aGvj3XQAiLSS53bDktz1ueMHAB2GiC0GAZ6bA9NAyS3eid1pqoXDz6CSwB1"
    "7C0siKsLr0z67j0Sl0gPcgzgIQybSobA39sGKZyjhw"
)
RSA_D = (
    "SZNoigOs_qgnqHjvk-YX4bYBH1ZChNMKZtedx_X9QNqWZ1H2w94GCYeejWxFN-CmJAVGVoYlC98QR7KEbJ6doyisD3mfjXPMgl2b"
    "JcBHAA9Br6LzZu3XbBcx28wOu5u9sHWTbmVOoTyn1pX_UAb7LbstMF5isPBcH0BwdA6AYESgat1q_Ef1555sRJ9Xk0sIrTYdLE5E"
    "Ncf6qVZTUSDPbvApRMMme_dntWuwZIK_RderW0rkbebbQmhqnDvyy6qycgvQvUV1m9mlADlUUPQWkHisrcuCu4cmeAy9IVVGEdrZ"
    "Nf7ehdjuSzwc3445fc7u0HgA-Twh7446T7xozA7E8Q"
)
JWE_P256 = {
    "protected": (
        "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0yNTYiLCJrdHkiOiJFQyIs"
        "IngiOiJDZEpoWGZyOVBZVUp1OUlOSXk2TlUwRHZfM0pfMm1pREJpRi1zTmhSVWljIiwieSI6ImdaRGEzRDdoRDUxSHluM2Rt"
        "N013dTNGZE5ndl9RYkk4dzNpSlNyN1YtTUUifX0"
    ),
    "encrypted_key": "kP-oiumN5CKFtHbvI8bPl3bxzVp1rlY73nVh73Sid1onl7TeAzDDDw",
    "iv": "QEFCQ0RFRkdISUpL",
    "ciphertext": "ltHHUAZV9COs5GNT6BAzKBylIDnD",
    "tag": "GjVRQrWC2c_H_9D1CDtW3Q",
}
JWE_P521 = {
    "protected": (
        "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC01MjEiLCJrdHkiOiJFQyIs"
        "IngiOiJBR1FHTXZNOElnNlBBYmpzYlpMZVFCdjBuQzMycjFBWXVrbUppa3BZQUEyQy1QSk1yN2lMZTI3ZnhQWFlwRlEwOTdE"
        "eW43M3NlT3oyUzkyeXdjdnJ0cUlTIiwieSI6IkFUVXRVNVJfSmVsTGRCazQ5TlJFNEZ5MEktbFJPV3czdnc1ZDlyUVEyTEt0"
        "ckdFT0h6UzBvdFJsc0pDeW9iQnB2azE4M2JyQ1d6Ql9ic0lwQXpwbGcxeVcifX0"
    ),
    "encrypted_key": "j-4knx1V-2uAulCNY-j_hqK2qsYKrXUtyoJPQvRoIa8th43FKt4zCw",
    "iv": "QEFCQ0RFRkdISUpL",
    "ciphertext": "ltHHUAZV9COs5GNT6BAzKBylIDnD",
    "tag": "CJJ0-l-dJ3b_SLN26vxCAQ",
}
JWE_OAEP = {
    "protected": "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0",
    "encrypted_key": (
        "mhxq6sKaZgP7y8s3BXBWEMk3vfn1ZXobZrKe2MUBTzA1p7a617LytFuap4cxmQmp3svU5KJt7_kVqOs49_-IxRSVrsUYWRUz"
        "asQDyUcxg1mI5Hf-djiDORm0W6liD2z2hoYKRk29C1LLd-bvsinVrbxVc14V_unE7Nu7a_FS5W0-twhdnFA4uQZTL87d4qVj"
        "uplZHslPGB423KvUDuqS1Ipn-sauMjDFx2WDSFepR-uaqysyY9z6h_fApWqNRbpMHY_2XyNENaEORd1D3jsqtL5BxvNa021u"
        "u-R2qYsvsQHw5MXHplBSRT1Vut1L10qQuZRtJU8kGiuLr4YX49cpEA"
    ),
    "iv": "QEFCQ0RFRkdISUpL",
    "ciphertext": "ltHHUAZV9COs5GNT6BAzKBylIDnD",
    "tag": "wrJqcMuzHW_1z7nDo6CCDA",
}
JWE_RSA15 = {
    "protected": "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMjU2R0NNIn0",
    "encrypted_key": (
        "XNm5XZSbUFo-Z7eSmgP9akbedeLnu9OfOmTcM9Bl27-3pInFZoOJSYRtaZlUmlNGBH9MbsgyUFKgWbzhcyvWPdPaRKSfONvg"
        "m9oPotSTy0TU-h3AWfsvsYNJdJJdT3xqChuaLl-btPXfRzomKzgH9fdyJGT5TeIEOWDZ0BoXi911GpxMFSTbhCs2z_j7AuMP"
        "yu-ferqr4ne1gth8_V6_F7p5B55ryH91bKRhc8Xthrpd6Sp39tu9PEuU39wkest0OCIAJVzMdDX68NUU8jh3GmbNN9o-xxTY"
        "HGRHjKPcJcwMIiZQi6e8doKOCD2W3V36TPQ0j1AOmBSQCe9GngNYDg"
    ),
    "iv": "QEFCQ0RFRkdISUpL",
    "ciphertext": "ltHHUAZV9COs5GNT6BAzKBylIDnD",
    "tag": "cLmxjLSi6Azp6thw6KcL8g",
}
