DefinitionBlock ("", "DSDT", 2, "ARCBOX", "ARCBOXVM", 0x00000001)
{
    Scope (\_SB)
    {
        Device (C000)
        {
            Name (_HID, "ACPI0007" )
            Name (_UID, Zero)
        }
        Device (C001)
        {
            Name (_HID, "ACPI0007" )
            Name (_UID, One)
        }
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501") )
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16,
                    0x03F8,
                    0x03F8,
                    0x01,
                    0x08,
                    )
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )
                {
                    0x00000004,
                }
            })
        }
        Device (V000)
        {
            Name (_HID, "LNRO0005")
            Name (_UID, Zero)
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite,
                    0xD0000000,
                    0x00000200,
                    )
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )
                {
                    0x00000005,
                }
            })
        }
        Device (V001)
        {
            Name (_HID, "LNRO0005")
            Name (_UID, One)
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite,
                    0xD0001200,
                    0x00000200,
                    )
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )
                {
                    0x0000012C,
                }
            })
        }
        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C") )
            Name (_UID, Zero)
        }
        Device (GED)
        {
            Name (_HID, "ACPI0013" )
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )
                {
                    0x00000009,
                }
            })
            Method (_EVT, 1, Serialized)
            {
                If ((Arg0 == 0x09))
                {
                    Notify (PWRB, 0x80)
                }
            }
        }
    }
    Name (\_S5, Package (0x04)
    {
        0x05,
        Zero,
        Zero,
        Zero
    })
}
