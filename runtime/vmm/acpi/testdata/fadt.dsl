0000 Signature : "FACP" [Fixed ACPI Description Table (FADT)]
0004 Table Length : 00000114
0008 Revision : 06
0010 Oem ID : "ARCBOX"
0016 Oem Table ID : "ARCBOXVM"
0024 Oem Revision : 00000001
0028 Asl Compiler ID : "ARCB"
0032 Asl Compiler Revision : 00000001
0036 FACS Address : 00000000
0040 DSDT Address : 00000000
0044 Model : 00
0045 PM Profile : 00 [Unspecified]
0046 SCI Interrupt : 0000
0048 SMI Command Port : 00000000
0052 ACPI Enable Value : 00
0053 ACPI Disable Value : 00
0054 S4BIOS Command : 00
0055 P-State Control : 00
0056 PM1A Event Block Address : 00000000
0060 PM1B Event Block Address : 00000000
0064 PM1A Control Block Address : 00000000
0068 PM1B Control Block Address : 00000000
0072 PM2 Control Block Address : 00000000
0076 PM Timer Block Address : 00000000
0080 GPE0 Block Address : 00000000
0084 GPE1 Block Address : 00000000
0088 PM1 Event Block Length : 00
0089 PM1 Control Block Length : 00
0090 PM2 Control Block Length : 00
0091 PM Timer Block Length : 00
0092 GPE0 Block Length : 00
0093 GPE1 Block Length : 00
0094 GPE1 Base Offset : 00
0095 _CST Support : 00
0096 C2 Latency : 0000
0098 C3 Latency : 0000
0100 CPU Cache Size : 0000
0102 Cache Flush Stride : 0000
0104 Duty Cycle Offset : 00
0105 Duty Cycle Width : 00
0106 RTC Day Alarm Index : 00
0107 RTC Month Alarm Index : 00
0108 RTC Century Index : 00
0109 Boot Flags (decoded below) : 0025
               Legacy Devices Supported (V2) : 1
            8042 Present on ports 60/64 (V2) : 0
                        VGA Not Present (V4) : 1
                      MSI Not Supported (V4) : 0
                PCIe ASPM Not Supported (V4) : 0
                   CMOS RTC Not Present (V5) : 1
0111 Reserved : 00
0112 Flags (decoded below) : 00101435
      WBINVD instruction is operational (V1) : 1
              WBINVD flushes all caches (V1) : 0
                    All CPUs support C1 (V1) : 1
                  C2 works on MP system (V1) : 0
            Control Method Power Button (V1) : 1
            Control Method Sleep Button (V1) : 1
        RTC wake not in fixed reg space (V1) : 0
            RTC can wake system from S4 (V1) : 0
                        32-bit PM Timer (V1) : 0
                      Docking Supported (V1) : 0
               Reset Register Supported (V2) : 1
                            Sealed Case (V3) : 0
                    Headless - No Video (V3) : 1
        Use native instr after SLP_TYPx (V3) : 0
              PCIEXP_WAK Bits Supported (V4) : 0
                     Use Platform Timer (V4) : 0
               RTC_STS valid on S4 wake (V4) : 0
                Remote Power-on capable (V4) : 0
                 Use APIC Cluster Model (V4) : 0
     Use APIC Physical Destination Mode (V4) : 0
                       Hardware Reduced (V5) : 1
                      Low Power S0 Idle (V5) : 0
0116 Reset Register : [Generic Address Structure]
0116 Space ID : 01 [SystemIO]
0117 Bit Width : 08
0118 Bit Offset : 00
0119 Encoded Access Width : 01 [Byte Access:8]
0120 Address : 0000000000000602
0128 Value to cause reset : 01
0129 ARM Flags (decoded below) : 0000
                              PSCI Compliant : 0
                       Must use HVC for PSCI : 0
0131 FADT Minor Revision : 04
0132 FACS Address : 0000000000000000
0140 DSDT Address : 00000000000E0028
0148 PM1A Event Block : [Generic Address Structure]
0148 Space ID : 00 [SystemMemory]
0149 Bit Width : 00
0150 Bit Offset : 00
0151 Encoded Access Width : 00 [Undefined/Legacy]
0152 Address : 0000000000000000
0160 PM1B Event Block : [Generic Address Structure]
0160 Space ID : 00 [SystemMemory]
0161 Bit Width : 00
0162 Bit Offset : 00
0163 Encoded Access Width : 00 [Undefined/Legacy]
0164 Address : 0000000000000000
0172 PM1A Control Block : [Generic Address Structure]
0172 Space ID : 00 [SystemMemory]
0173 Bit Width : 00
0174 Bit Offset : 00
0175 Encoded Access Width : 00 [Undefined/Legacy]
0176 Address : 0000000000000000
0184 PM1B Control Block : [Generic Address Structure]
0184 Space ID : 00 [SystemMemory]
0185 Bit Width : 00
0186 Bit Offset : 00
0187 Encoded Access Width : 00 [Undefined/Legacy]
0188 Address : 0000000000000000
0196 PM2 Control Block : [Generic Address Structure]
0196 Space ID : 00 [SystemMemory]
0197 Bit Width : 00
0198 Bit Offset : 00
0199 Encoded Access Width : 00 [Undefined/Legacy]
0200 Address : 0000000000000000
0208 PM Timer Block : [Generic Address Structure]
0208 Space ID : 00 [SystemMemory]
0209 Bit Width : 00
0210 Bit Offset : 00
0211 Encoded Access Width : 00 [Undefined/Legacy]
0212 Address : 0000000000000000
0220 GPE0 Block : [Generic Address Structure]
0220 Space ID : 00 [SystemMemory]
0221 Bit Width : 00
0222 Bit Offset : 00
0223 Encoded Access Width : 00 [Undefined/Legacy]
0224 Address : 0000000000000000
0232 GPE1 Block : [Generic Address Structure]
0232 Space ID : 00 [SystemMemory]
0233 Bit Width : 00
0234 Bit Offset : 00
0235 Encoded Access Width : 00 [Undefined/Legacy]
0236 Address : 0000000000000000
0244 Sleep Control Register : [Generic Address Structure]
0244 Space ID : 01 [SystemIO]
0245 Bit Width : 08
0246 Bit Offset : 00
0247 Encoded Access Width : 01 [Byte Access:8]
0248 Address : 0000000000000600
0256 Sleep Status Register : [Generic Address Structure]
0256 Space ID : 01 [SystemIO]
0257 Bit Width : 08
0258 Bit Offset : 00
0259 Encoded Access Width : 01 [Byte Access:8]
0260 Address : 0000000000000601
0268 Hypervisor ID : 0000584F42435241
