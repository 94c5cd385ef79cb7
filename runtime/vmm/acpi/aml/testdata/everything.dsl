DefinitionBlock ("", "DSDT", 2, "OEMID_", "OEMTABLE", 0x00000001)
{
    Scope (\_SB)
    {
        Device (DEV0)
        {
            Name (_HID, EisaId ("PNP0A03") )
            Name (_UID, "first")
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite,
                    0xD0000200,
                    0x00000200,
                    )
                IO (Decode16,
                    0x03F8,
                    0x03F8,
                    0x01,
                    0x08,
                    )
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )
                {
                    0x00000005,
                }
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )
                {
                    0x0000012C,
                }
            })
        }
        Device (DEV1)
        {
            Name (_HID, "LNRO0005")
            Name (STAT, Zero)
            Name (LIST, Package (0x08)
            {
                Zero,
                One,
                0xFF,
                0x1234,
                0x12345678,
                0x123456789ABCDEF0,
                Package (0x00) {},
                ""
            })
            Name (DATA, Buffer (0x03)
            {
                 0x01, 0x02, 0x03
            })
            Method (CHEK, 2, Serialized)
            {
                If ((Arg0 == Arg1))
                {
                    Notify (^^DEV0, 0x80)
                }
                If (\_SB.DEV1.STAT)
                {
                    Notify (\_SB.DEV1, One)
                }
            }
        }
    }
    Name (\_S5, Package (0x02)
    {
        0x05,
        Zero
    })
}
