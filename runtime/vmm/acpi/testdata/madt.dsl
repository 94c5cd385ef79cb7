0000 Signature : "APIC" [Multiple APIC Description Table (MADT)]
0004 Table Length : 00000048
0008 Revision : 05
0010 Oem ID : "ARCBOX"
0016 Oem Table ID : "ARCBOXVM"
0024 Oem Revision : 00000001
0028 Asl Compiler ID : "ARCB"
0032 Asl Compiler Revision : 00000001
0036 Local Apic Address : FEE00000
0040 Flags (decoded below) : 00000000
                         PC-AT Compatibility : 0
0044 Subtable Type : 00 [Processor Local APIC]
0045 Length : 08
0046 Processor ID : 00
0047 Local Apic ID : 00
0048 Flags (decoded below) : 00000001
                           Processor Enabled : 1
                      Runtime Online Capable : 0
0052 Subtable Type : 00 [Processor Local APIC]
0053 Length : 08
0054 Processor ID : 01
0055 Local Apic ID : 01
0056 Flags (decoded below) : 00000001
                           Processor Enabled : 1
                      Runtime Online Capable : 0
0060 Subtable Type : 01 [I/O APIC]
0061 Length : 0C
0062 I/O Apic ID : 00
0063 Reserved : 00
0064 Address : FEC00000
0068 Interrupt : 00000000
