module arcbox.dev/datapath/peers

go 1.26.3

require arcbox.dev/datapath v0.0.0

require (
	code.hybscloud.com/atomix v0.1.2 // indirect
	code.hybscloud.com/iox v0.3.3 // indirect
	code.hybscloud.com/lfq v0.1.3
	code.hybscloud.com/spin v0.1.5 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/google/nftables v0.3.0
	github.com/mdlayher/netlink v1.7.3-0.20250113171957-fbb4dce95f42 // indirect
	github.com/mdlayher/socket v0.5.1 // indirect
	github.com/puzpuzpuz/xsync/v4 v4.5.0
	github.com/tailscale/wireguard-go v0.0.0-20260928213032-417aef361226
	github.com/vishvananda/netlink v1.3.1
	github.com/vishvananda/netns v0.0.5
	golang.org/x/exp v0.0.0-20250711185948-6ae5c78190dc // indirect
	golang.org/x/net v0.54.0 // indirect
	golang.org/x/sync v0.20.0 // indirect
	golang.org/x/sys v0.49.0
	golang.org/x/time v0.15.0 // indirect
	golang.zx2c4.com/wintun v0.0.0-20230126152724-0fa3db229ce2 // indirect
	gvisor.dev/gvisor v0.0.0-20260905035102-160fafc42237
)

replace arcbox.dev/datapath => ../
